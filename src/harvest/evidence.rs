//! What can be told of a text without its words' meaning: numbers, paths, states at its end.

/// Words before a number that only round it.
const ROUND: &[&str] = &[
    "about",
    "around",
    "approx",
    "approximately",
    "over",
    "under",
    "nearly",
    "almost",
    "circa",
    "ca",
    "roughly",
    "some",
    "up to",
];

/// Whether the text begins with an amount.
pub fn starts_with_number(text: &str) -> bool {
    let mut rest = text.trim_start();
    loop {
        rest =
            rest.trim_start_matches(['~', '≈', '<', '>', '≤', '≥', '+', '-', '−', '±', '$', '€', '£', '(', '=', ' ']);
        let lower = rest.get(..14).unwrap_or(rest).to_lowercase();
        match ROUND.iter().find(|w| lower.strip_prefix(*w).is_some_and(|tail| tail.starts_with([' ', '.']))) {
            Some(word) => rest = rest[word.len()..].trim_start_matches('.'),
            None => break,
        }
    }
    rest.starts_with(|c: char| c.is_ascii_digit())
}

/// Whether the text holds a digit.
pub fn has_digit(text: &str) -> bool {
    text.bytes().any(|b| b.is_ascii_digit())
}

/// Whether the text tells a part of a whole: `4 of 9`, `412 GB of 500 GB`, `43 %`.
pub fn has_share(text: &str) -> bool {
    let numbered = |word: &str| word.starts_with(|c: char| c.is_ascii_digit());
    let words: Vec<&str> = text.split_whitespace().collect();
    let of = |at: usize| {
        words[at] == "of"
            && words[at.saturating_sub(2)..at].iter().any(|w| numbered(w))
            && words.get(at + 1).is_some_and(|w| numbered(w))
    };
    (1..words.len()).any(of) || words.iter().any(|w| numbered(w) && w.contains('%'))
}

/// Endings of files' names.
const ENDINGS: &[&str] = &[
    "rs",
    "ts",
    "tsx",
    "js",
    "jsx",
    "mjs",
    "cjs",
    "py",
    "go",
    "java",
    "kt",
    "kts",
    "swift",
    "c",
    "h",
    "cc",
    "cpp",
    "hpp",
    "cs",
    "rb",
    "php",
    "sh",
    "bash",
    "zsh",
    "fish",
    "ps1",
    "bat",
    "sql",
    "md",
    "mdx",
    "txt",
    "rst",
    "adoc",
    "json",
    "jsonl",
    "yaml",
    "yml",
    "toml",
    "ini",
    "cfg",
    "conf",
    "env",
    "xml",
    "html",
    "htm",
    "css",
    "scss",
    "vue",
    "svelte",
    "csv",
    "tsv",
    "parquet",
    "db",
    "sqlite",
    "lock",
    "log",
    "png",
    "jpg",
    "jpeg",
    "svg",
    "gif",
    "pdf",
    "zip",
    "gz",
    "tar",
    "tgz",
    "apk",
    "ipa",
    "whl",
    "deb",
    "rpm",
    "exe",
    "dll",
    "so",
    "lua",
    "r",
    "jl",
    "ex",
    "exs",
    "erl",
    "hs",
    "ml",
    "scala",
    "dart",
    "proto",
    "graphql",
    "tf",
    "nix",
    "ipynb",
    "patch",
    "diff",
    "service",
    "timer",
    "plist",
    "uc",
    "wasm",
    "pem",
    "key",
    "docx",
    "xlsx",
    "pptx",
    "mp4",
    "wav",
    "mp3",
    "bin",
    "dat",
    "npz",
    "pt",
    "onnx",
    "gguf",
    "safetensors",
    "snap",
    "hbs",
    "j2",
    "erb",
];

/// Whether a word is a path or a file's name.
pub fn is_path(word: &str) -> bool {
    let word = word.trim_matches(|c: char| "`\"'()[]{},;:*".contains(c)).trim_end_matches('.');
    if word.len() < 3 || word.len() > 300 || word.contains("://") || word.contains(char::is_whitespace) {
        return false;
    }
    let name = word.rsplit('/').next().unwrap_or(word);
    let name = name.split(['#', '?']).next().unwrap_or(name);
    // `file.rs:42` names a place in a file.
    let name = name.split(':').next().unwrap_or(name);
    if let Some((stem, ending)) = name.rsplit_once('.')
        && ENDINGS.contains(&ending.to_ascii_lowercase().as_str())
        && (stem.is_empty() || stem.ends_with(|c: char| c.is_alphanumeric() || "_-])*}".contains(c)))
    {
        return true;
    }
    let slashes = word.matches('/').count();
    let plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "/._-[]{}*~@+$".contains(c));
    // `and/or`, `12/32` and `/api/x` are no files, `src/bin/` and `/etc/x/y` are.
    plain
        && !word.starts_with("/api")
        && word.chars().any(|c| c.is_ascii_alphabetic())
        && (word.starts_with("./")
            || word.starts_with("~/")
            || (word.starts_with('/') && slashes >= 2)
            || (word.ends_with('/') && slashes >= 1)
            || slashes >= 3
            || (word.starts_with('.') && slashes >= 1))
        || matches!(
            word,
            "LICENSE" | "Makefile" | "Dockerfile" | "README" | "CHANGELOG" | ".gitignore" | ".env" | "Justfile"
        )
}

/// Whether the text begins with a path.
pub fn leads_with_path(text: &str) -> bool {
    text.split_whitespace().next().is_some_and(is_path)
}

/// Whether a piece of code is a path: one slash is enough where somebody marked it as code.
pub fn is_code_path(code: &str) -> bool {
    is_path(code)
        || (code.contains('/')
            && !code.contains("://")
            && !code.starts_with('/')
            && code.len() >= 4
            && code.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c))
            && code.split('/').all(|part| part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '.')))
}

/// Whether a path stands anywhere in the text.
pub fn has_path(text: &str) -> bool {
    text.split_whitespace().any(is_path)
}

/// Whether the text is paths and nothing else but counts, separators and a word or two.
pub fn is_paths(text: &str) -> bool {
    let (mut paths, mut others) = (0, 0);
    for word in text.split([' ', ',', ';']).filter(|w| w.chars().any(char::is_alphanumeric)) {
        if is_path(word) {
            paths += 1;
        } else {
            others += 1;
        }
    }
    paths > 0 && others <= paths * 2 + 2
}

/// Whether the text begins with an abbreviated or whole commit hash.
pub fn leads_with_hash(text: &str) -> bool {
    let word = text.split_whitespace().next().unwrap_or_default();
    let word = word.trim_matches(|c: char| "`[](),:;*".contains(c));
    (7..=40).contains(&word.len())
        && word.bytes().all(|b| b.is_ascii_hexdigit())
        && word.bytes().any(|b| b.is_ascii_digit())
        && (word.bytes().any(|b| b.is_ascii_lowercase()) || word.len() == 40)
}

/// Whether nothing is said: a dash, dots, `n/a`, `none`.
pub fn is_nothing(text: &str) -> bool {
    if text.split_whitespace().count() <= 3 && text.to_lowercase().starts_with("none ") {
        return true;
    }
    let word: String = text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    matches!(
        word.as_str(),
        "" | "na"
            | "none"
            | "nothing"
            | "null"
            | "nil"
            | "tbd"
            | "todo"
            | "keine"
            | "nenhum"
            | "nenhuma"
            | "ninguno"
            | "aucun"
            | "нет"
            | "없음"
            | "なし"
            | "无"
            | "noneyet"
            | "noneatthistime"
            | "nonecurrently"
            | "noneknown"
            | "nonefound"
            | "nothingyet"
            | "noneidentified"
            | "nonereported"
            | "notapplicable"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts() {
        for yes in ["12", "~3 h", "over 200", "< 5 s", "$1.20", "approx. 4", "-3%"] {
            assert!(starts_with_number(yes), "{yes}");
        }
        for no in ["three", "v1.2 is out", "", "overall 3"] {
            assert!(!starts_with_number(no), "{no}");
        }
    }

    #[test]
    fn paths() {
        for yes in [
            "src/main.rs",
            "`a.toml`",
            "main.rs:42",
            "/etc/init.d/x",
            "docs/",
            ".gitignore",
            "./run",
            "LICENSE",
            "a/[id]/route.ts",
        ] {
            assert!(is_path(yes), "{yes}");
        }
        for no in ["and/or", "12/32", "/api/users", "e.g.", "https://x.de/a.html", "v1.2", "done."] {
            assert!(!is_path(no), "{no}");
        }
        assert!(
            is_paths("`a.rs`, `b.rs`")
                && is_paths("src/a.rs (12 lines)")
                && !is_paths("fixed the long bug in a.rs for good")
        );
        assert!(leads_with_hash("`da8d42e` - x") && !leads_with_hash("deadbeef x") && !leads_with_hash("1234567 x"));
        assert!(is_nothing("—") && is_nothing("None.") && !is_nothing("no x"));
    }
}
