//! Which columns the list has at a width, and where. They depend on the width and on the names, not on what happens, so
//! that nothing jumps.

use crate::tui::cells::width;
use crate::tui::model::Model;

/// Columns of the margin with the mark of the cursor.
const MARGIN: u16 = 3;
/// Columns of the sign and word of a state.
const STATE: u16 = 12;

/// Where a column is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Column {
    /// The first of its columns, from the left end of the line.
    pub x: u16,
    /// How wide it is; 0 when there is no room for it.
    pub wide: u16,
}

/// Where each column is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Columns {
    pub state: Column,
    pub name: Column,
    /// Attempt n of max.
    pub attempt: Column,
    /// How long.
    pub time: Column,
    /// What happens next, or how far it is.
    pub outlook: Column,
    /// Output by the minute.
    pub spark: Column,
    /// Tokens and cost.
    pub usage: Column,
    /// The last line, or why it is in this state.
    pub note: Column,
}

impl Columns {
    /// The columns of a line that is so wide.
    pub fn new(line: u16, model: &Model) -> Self {
        let (name_cap, time, outlook, spark, usage) = match line {
            0..72 => (16, 6, 0, 0, 0),
            72..92 => (18, 6, 15, 0, 0),
            92..118 => (20, 6, 16, 10, 0),
            118..140 => (24, 6, 30, 12, 0),
            140..190 => (30, 7, 32, 20, 14),
            _ => (40, 7, 44, 30, 14),
        };
        let longest = model.status.sessions.iter().map(|s| width(&s.name)).max().unwrap_or(0);
        let has_usage = model.status.sessions.iter().any(|s| s.usage.is_some());
        let mut x = MARGIN;
        let mut next = |wide: u16| {
            let column = Column { x, wide };
            if wide > 0 {
                x += wide + 1;
            }
            column
        };
        let mut columns = Self {
            state: next(STATE),
            name: next(longest.clamp(8, name_cap)),
            attempt: next(4),
            time: next(time),
            outlook: Column::default(),
            spark: Column::default(),
            usage: Column::default(),
            note: Column::default(),
        };
        // Numbers end here, words begin: a column more keeps them apart.
        next(0);
        x += 1;
        let mut next = |wide: u16| {
            let column = Column { x, wide };
            if wide > 0 {
                x += wide + 2;
            }
            column
        };
        columns.outlook = next(outlook);
        columns.spark = next(spark);
        columns.usage = next(if has_usage { usage } else { 0 });
        columns.note = Column { x, wide: line.saturating_sub(x + 1) };
        columns
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;

    #[test]
    fn at_every_width_the_columns_follow_one_another_and_leave_room_for_the_note() {
        let model = Model::new(TimeZone::UTC);
        for line in 60..260 {
            let columns = Columns::new(line, &model);
            let all = [columns.state, columns.name, columns.attempt, columns.time, columns.outlook, columns.spark];
            let shown: Vec<_> = all.into_iter().chain([columns.usage, columns.note]).filter(|c| c.wide > 0).collect();
            for pair in shown.windows(2) {
                assert!(pair[0].x + pair[0].wide < pair[1].x, "{line}: {pair:?}");
            }
            assert!(columns.note.wide >= 12, "{line}: {columns:?}");
            assert!(columns.note.x + columns.note.wide <= line);
        }
    }
}
