//! Tables of Markdown whose columns are aligned.

/// The rows below a head, as lines.
pub fn markdown<const COLUMNS: usize>(
    head: [&str; COLUMNS],
    rows: impl IntoIterator<Item = [String; COLUMNS]>,
) -> String {
    let mut cells = vec![head.map(str::to_owned)];
    cells.extend(rows);
    let width = |column: usize| cells.iter().map(|row| row[column].chars().count()).max();
    let widths: [usize; COLUMNS] = std::array::from_fn(|column| width(column).unwrap_or_default());
    cells.insert(1, widths.map(|width| "-".repeat(width)));
    let line = |row: &[String; COLUMNS]| {
        let padded = row.iter().zip(&widths);
        let padded: Vec<_> = padded.map(|(cell, &width)| format!("{cell:width$}")).collect();
        format!("| {} |\n", padded.join(" | "))
    };
    cells.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["calls", "≤ 100 ms"], ["p", ""]].map(|row| row.map(str::to_owned));
        assert_eq!(
            markdown(["what", "wanted"], rows),
            "| what  | wanted   |\n\
             | ----- | -------- |\n\
             | calls | ≤ 100 ms |\n\
             | p     |          |\n"
        );
    }
}
