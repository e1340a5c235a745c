//! A frame as text: what is written, and below it a letter for each style, with a key to the letters.

use crate::world::NOW;
use nightkeep::tui::keys::Keys;
use nightkeep::tui::model::Model;
use nightkeep::tui::theme::{Theme, ThemeName};
use nightkeep::tui::ui::Ui;
use nightkeep::tui::{update, view};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use std::fmt::Write as _;

/// The sizes at which every view is looked at.
pub const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 50)];

/// The ui at the start, on a terminal of that size.
pub fn ui(model: &Model, (width, height): (u16, u16)) -> Ui {
    let mut ui = Ui::new(Rect::new(0, 0, width, height), ThemeName::Dark, Keys::default());
    update::settle(model, &mut ui);
    ui
}

/// The frame of these.
pub fn frame(model: &Model, ui: &Ui, theme: ThemeName) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(ui.area.width, ui.area.height)).unwrap();
    let theme = Theme::new(theme);
    terminal
        .draw(|frame| {
            view::draw(frame.buffer_mut(), model, ui, &theme, NOW);
        })
        .unwrap();
    terminal.backend().buffer().clone()
}

/// The frames of a view at all sizes, in colour and without, as one snapshot each. `choose` brings the ui there.
pub fn shots(name: &str, model: &Model, choose: impl Fn(&Model, &mut Ui)) {
    for size in SIZES {
        let mut ui = ui(model, size);
        choose(model, &mut ui);
        update::settle(model, &mut ui);
        for (theme, suffix) in [(ThemeName::Dark, "color"), (ThemeName::None, "plain")] {
            let text = text(&frame(model, &ui, theme));
            insta::assert_snapshot!(format!("{name}-{}x{}-{suffix}", size.0, size.1), text);
        }
    }
}

/// What is written, without styles.
pub fn words(buffer: &Buffer) -> String {
    layers(buffer).0
}

/// What is written, and the styles below it.
pub fn text(buffer: &Buffer) -> String {
    let (words, letters, key) = layers(buffer);
    format!("{words}\n--- styles ---\n{letters}\n{key}")
}

fn layers(buffer: &Buffer) -> (String, String, String) {
    let (mut words, mut letters) = (String::new(), String::new());
    let mut known: Vec<Style> = vec![Style::new()];
    for y in 0..buffer.area.height {
        let (mut line, mut line_letters, mut skip) = (String::new(), String::new(), 0);
        for x in 0..buffer.area.width {
            let cell = &buffer[(x, y)];
            let style = Style { fg: colour(cell.fg), bg: colour(cell.bg), add_modifier: cell.modifier, ..Style::new() };
            let at = known.iter().position(|one| *one == style).unwrap_or_else(|| {
                known.push(style);
                known.len() - 1
            });
            line_letters.push(if at == 0 { ' ' } else { char::from(b'a' + u8::try_from(at - 1).unwrap()) });
            if skip > 0 {
                skip -= 1;
                continue;
            }
            line.push_str(cell.symbol());
            skip = nightkeep::terminal::width(cell.symbol()).saturating_sub(1);
        }
        words.push_str(line.trim_end());
        words.push('\n');
        letters.push_str(line_letters.trim_end());
        letters.push('\n');
    }
    let mut key = String::new();
    for (at, style) in known.iter().enumerate().skip(1) {
        let _ = writeln!(key, "{} = {}", char::from(b'a' + u8::try_from(at - 1).unwrap()), told(style));
    }
    (words, letters, key)
}

fn colour(color: Color) -> Option<Color> {
    (color != Color::Reset).then_some(color)
}

fn told(style: &Style) -> String {
    let mut words = Vec::new();
    words.extend(style.fg.map(|color| color.to_string()));
    words.extend(style.bg.map(|color| format!("on {color}")));
    let modifiers = [(Modifier::BOLD, "bold"), (Modifier::UNDERLINED, "underlined"), (Modifier::REVERSED, "reversed")];
    words.extend(modifiers.iter().filter(|(m, _)| style.add_modifier.contains(*m)).map(|(_, word)| (*word).to_owned()));
    words.join(" ")
}
