//! How large the smallest programs are.

use std::{fs, path::Path};

use benchmarks::Result;

use super::{
    Bench,
    figure::{Figure, Unit},
    table::{Goal, Row},
};

pub(super) fn measure(bench: &Bench<'_>) -> Result<Vec<Row>> {
    let register = size(&bench.programs.register)?;
    let floor = size(&bench.programs.floor)?;
    let row = Row::new("stripped minimal program", register.show(Unit::MB))
        .then("1.92 MB")
        .beside(format!("floor {}", floor.show(Unit::MB)))
        .goal(Goal::AtMost(1.7e6, Unit::MB), Some(&register));
    Ok(vec![row])
}

fn size(program: &Path) -> Result<Figure> {
    let bytes = u32::try_from(fs::metadata(program)?.len())?;
    Ok(Figure::of([f64::from(bytes)]))
}
