//! How much of the suite runs, and which part of it.

/// Whether everything is asked for: `tests/run durability --all`.
pub(crate) fn all() -> bool {
    std::env::var("AKSBACKUP_DURABILITY").is_ok_and(|extent| extent == "all")
}

/// `full` where everything is asked for, else `sample`.
pub(crate) fn of(sample: usize, full: usize) -> usize {
    if all() { full } else { sample }
}

/// How many hand-offs are struck at most: `AKSBACKUP_HAND_OFFS`, else as many as there are points where everything is
/// asked for, else a few.
pub(crate) fn hand_offs() -> usize {
    let given = std::env::var("AKSBACKUP_HAND_OFFS").ok();
    let given = given.and_then(|number| number.parse().ok());
    given.unwrap_or_else(|| of(6, usize::MAX))
}

/// Returns the number that samples are drawn by: `AKSBACKUP_SEED`, which `tests/run` takes from the commit, so that each commit
/// looks elsewhere and a run can be repeated.
pub(crate) fn seed() -> u64 {
    let given = std::env::var("AKSBACKUP_SEED").ok();
    given.and_then(|seed| seed.parse().ok()).unwrap_or_default()
}

/// Prints a figure of the suite.
pub(crate) fn told(figure: &str) {
    eprintln!("durability: {figure}");
}

/// Numbers that look random and come again with the same seed.
pub(crate) struct Dice(u64);

impl Dice {
    /// A row of its own for each `number`.
    pub(crate) fn new(number: u64) -> Self {
        Self(seed().wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(number))
    }

    /// A number below `sides`: the SplitMix64 generator.
    pub(crate) fn below(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % sides.max(1)
    }
}
