//! A user's own templates of the page. They see only each other and the built-in one: what to include is looked up
//! among what was read, never on the disk.

use minijinja::{Environment, Error, ErrorKind};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// The template that makes the page.
pub const MAIN: &str = "report.html";
/// The name under which the built-in page can be included.
pub const BUILT_IN: &str = "builtin/report.html";
/// Longest page of a template of one's own, in bytes.
pub const PAGE_MAX: usize = 16 << 20;

/// Templates by name: their paths below the folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Own {
    files: BTreeMap<String, String>,
}

impl Own {
    /// These, with the one that makes the page among them.
    pub fn new(files: BTreeMap<String, String>) -> Option<Self> {
        files.contains_key(MAIN).then_some(Self { files })
    }
    /// Makes them known; says what is wrong with the first that cannot be understood.
    pub(super) fn add_to<'o>(&'o self, environment: &mut Environment<'o>, page: &'o str) -> Result<(), Error> {
        environment.add_template(BUILT_IN, page)?;
        self.files.iter().try_for_each(|(name, text)| environment.add_template(name, text))
    }
}

/// Takes so many bytes and not one more.
pub(super) struct Bounded(pub(super) Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > PAGE_MAX {
            return Err(io::Error::other("the page is too long"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Bounded {
    /// The page.
    pub(super) fn text(self) -> Result<String, Error> {
        String::from_utf8(self.0).map_err(|_| Error::new(ErrorKind::InvalidOperation, "the page is not UTF-8"))
    }
}
