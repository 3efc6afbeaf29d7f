//! Chaos: faults by chance, from a generator with a seed.

#[cfg(test)]
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use fastrand::Rng;
use serde::{Deserialize, Serialize};

use super::{
    effect::{Cut, Effect},
    step::Step,
};
use crate::retry_after::RetryAfter;

/// How often a step has a fault, and the seed of the generator that selects them. [`new`](Self::new) makes it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Given")]
pub(crate) struct ChaosSettings {
    probability: f64,
    seed: u64,
}

/// The settings in a configuration and over HTTP.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Given {
    probability: f64,
    /// Chosen by chance unless given.
    seed: Option<u64>,
}

impl ChaosSettings {
    /// The settings with this probability, and a random seed unless one is given. Fails if the probability is not from
    /// 0 to 1.
    pub(crate) fn new(probability: f64, seed: Option<u64>) -> Result<Self, String> {
        match (0.0..=1.0).contains(&probability) {
            true => Ok(Self {
                probability,
                // Few digits, which can be copied.
                seed: seed.unwrap_or_else(|| fastrand::u32(..).into()),
            }),
            false => Err(format!("expected a probability from 0 to 1, not {probability}")),
        }
    }

    /// The settings as a configuration has them: an inline table of TOML.
    pub(crate) fn inline_table(&self) -> String {
        let Self { probability, seed } = self;
        format!("{{ probability = {probability}, seed = {seed} }}")
    }
}

impl TryFrom<Given> for ChaosSettings {
    type Error = String;

    fn try_from(given: Given) -> Result<Self, String> {
        Self::new(given.probability, given.seed)
    }
}

/// The generator. The same seed and the same order of steps have the same faults.
pub(super) struct Chaos {
    pub(super) settings: ChaosSettings,
    generator: Rng,
}

impl Chaos {
    pub(super) fn new(settings: ChaosSettings) -> Self {
        Self {
            settings,
            generator: Rng::with_seed(settings.seed),
        }
    }

    /// The effect at a step, if there is one this time.
    pub(super) fn select(&mut self, step: Step) -> Option<Effect> {
        if self.generator.f64() >= self.settings.probability {
            return None;
        }
        let all = effects(&mut self.generator).into_iter();
        let existing: Vec<_> = all.filter(|effect| effect.check(step).is_ok()).collect();
        self.generator.choice(existing)
    }
}

/// One effect of each kind, some with values for one step only.
fn effects(generator: &mut Rng) -> Vec<Effect> {
    let seconds = generator.u64(1..=5);
    let status = generator.choice([429, 500, 503]).unwrap_or(503);
    let bytes = generator.u64(1..=64);
    let beside = generator.bool();
    vec![
        // For steps that have no status, and for those that do.
        Effect::Refuse {
            code: None,
            retry_after: None,
        },
        Effect::Refuse {
            code: Some(status),
            retry_after: Some(seconds),
        },
        Effect::Delay(Duration::from_millis(generator.u64(10..=3000))),
        Effect::Withhold,
        Effect::Close(Cut::Now),
        Effect::Close(Cut::AfterSent(bytes)),
        Effect::Close(Cut::AfterReceived(bytes)),
        Effect::Reset(Cut::Now),
        Effect::Reset(Cut::AfterSent(bytes)),
        Effect::Reset(Cut::AfterReceived(bytes)),
        Effect::Garbage,
        Effect::Split {
            size: generator.usize(1..=64),
            pause: Duration::from_millis(1),
        },
        Effect::Join,
        Effect::Reorder,
        Effect::Duplicate,
        Effect::WrongRequestId {
            request_id: None,
            beside,
        },
        Effect::ForeignRequestId { beside },
        Effect::Assigning,
        Effect::Body("{}".to_owned()),
        Effect::TruncatedBody,
        Effect::OversizedBody { size: 512 * 1024 },
        Effect::Error {
            status,
            error_code: u32::from(status) * 1000 + 1,
            message: "Refused by chaos.".to_owned(),
            retry_after: RetryAfter::Seconds(seconds),
        },
        Effect::Polls(generator.u32(0..=4)),
        Effect::Fail {
            error_code: 400_207,
            message: "Failed by chaos.".to_owned(),
        },
        Effect::Disable,
        Effect::Issue(None),
    ]
}

/// The steps of each fault, by their names.
#[cfg(test)]
pub(crate) fn steps_of_faults() -> BTreeMap<String, BTreeSet<String>> {
    let mut steps = BTreeMap::<_, BTreeSet<_>>::new();
    for effect in effects(&mut Rng::with_seed(1)) {
        let existing = Step::ALL.iter().filter(|step| effect.check(**step).is_ok());
        let names = existing.map(|step| step.name().to_owned());
        steps.entry(effect.name().to_owned()).or_default().extend(names);
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::Fault;

    fn chaos(probability: f64, seed: u64) -> Chaos {
        Chaos::new(ChaosSettings::new(probability, Some(seed)).expect("a probability"))
    }

    #[test]
    fn each_step_has_faults_that_exist_there_and_the_same_seed_has_the_same() {
        let (mut one, mut same, mut other) = (chaos(1.0, 7), chaos(1.0, 7), chaos(1.0, 8));
        let mut differs = false;
        for _ in 0..200 {
            for &step in Step::ALL {
                let effect = one.select(step).expect("a fault each time");
                assert_eq!(same.select(step).as_ref(), Some(&effect));
                differs |= other.select(step).as_ref() != Some(&effect);
                Fault::new(effect, step).expect("it exists there");
            }
        }
        assert!(differs);
    }

    #[test]
    fn faults_are_as_frequent_as_the_probability_says() {
        let count = |probability| {
            let mut chaos = chaos(probability, 1);
            (0..10_000).filter(|_| chaos.select(Step::Answer).is_some()).count()
        };
        assert_eq!((count(0.0), count(1.0)), (0, 10_000));
        assert!((900..1100).contains(&count(0.1)), "{}", count(0.1));
    }

    #[test]
    fn what_is_no_probability_is_refused() {
        for wrong in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert!(ChaosSettings::new(wrong, None).is_err(), "{wrong}");
        }
    }
}
