//! What an explanation says in each language.

use super::entry::{Explanation, OtherText, Place, Quote, Remedy, Sdk};
use super::zh;

/// A language of the explanations. Texts of eKuiper are quoted in all of them as they
/// are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Language {
    /// English, the language of the entries.
    #[default]
    English,
    /// Chinese, with simplified characters.
    Chinese,
}

/// What an [`Explanation`] says, in one language.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Words {
    /// See [`Explanation::title`].
    pub title: &'static str,
    /// See [`Explanation::observed`].
    pub observed: &'static str,
    /// See [`Explanation::effect`].
    pub effect: &'static str,
    /// See [`Explanation::cause`].
    pub cause: &'static str,
    /// See [`Explanation::remedies`].
    pub remedies: Vec<Remedy>,
}

/// The names of an explanation's parts, in one language.
#[derive(Debug)]
#[non_exhaustive]
pub struct Labels {
    /// The full stop of a sentence.
    pub stop: &'static str,
    /// Between two clauses.
    pub comma: &'static str,
    /// Before what a heading announces.
    pub colon: &'static str,
    /// Of [`Explanation::observed`].
    pub observed: &'static str,
    /// Of [`Explanation::effect`].
    pub effect: &'static str,
    /// Of [`Explanation::cause`].
    pub cause: &'static str,
    /// Of [`Explanation::remedies`].
    pub remedies: &'static str,
    /// Of [`Quote::source`].
    pub source: &'static str,
}

const ENGLISH: Labels = Labels {
    stop: ".",
    comma: ", ",
    colon: ": ",
    observed: "Observed",
    effect: "Under a real eKuiper",
    cause: "Usual cause",
    remedies: "What to do",
    source: "Source",
};

const CHINESE: Labels = Labels {
    stop: "。",
    comma: "，",
    colon: "：",
    observed: "观察到的现象",
    effect: "在真实的 eKuiper 中",
    cause: "常见原因",
    remedies: "处理方法",
    source: "来源",
};

impl Language {
    /// Returns the names of an explanation's parts.
    #[must_use]
    pub fn labels(self) -> &'static Labels {
        match self {
            Self::English => &ENGLISH,
            Self::Chinese => &CHINESE,
        }
    }

    /// Returns what an explanation says.
    #[must_use]
    pub fn words(self, entry: &Explanation) -> Words {
        match self {
            Self::English => Words {
                title: entry.title,
                observed: entry.observed,
                effect: entry.effect,
                cause: entry.cause,
                remedies: entry.remedies.to_vec(),
            },
            Self::Chinese => {
                let translation = entry.chinese;
                let sdks = entry.remedies.iter().map(|remedy| remedy.sdk);
                let texts = translation.remedies.iter();
                let remedies = sdks.zip(texts).map(|(sdk, text)| Remedy { sdk, text });
                Words {
                    title: translation.title,
                    observed: translation.observed,
                    effect: translation.effect,
                    cause: translation.cause,
                    remedies: remedies.collect(),
                }
            }
        }
    }

    /// Returns where and in which releases eKuiper shows a text, without what follows:
    /// `In eKuiper's log, 2.x`.
    #[must_use]
    pub fn place(self, quote: &Quote) -> String {
        let comma = self.labels().comma;
        match self {
            Self::English => format!("{}{comma}{}", quote.place.heading(), quote.releases),
            Self::Chinese => {
                let releases = zh::releases(quote.releases).unwrap_or(quote.releases);
                format!("{}{comma}{releases}", chinese_place(quote.place))
            }
        }
    }

    /// Returns where a text of eKuiper was read.
    #[must_use]
    pub fn source(self, quote: &Quote) -> String {
        match self {
            Self::English => quote.source.to_owned(),
            Self::Chinese => zh::source(quote.source),
        }
    }

    /// Returns a remedy with the SDK that it is about.
    #[must_use]
    pub fn remedy(self, remedy: &Remedy) -> String {
        match remedy.sdk {
            Sdk::Any => remedy.text.to_owned(),
            sdk => format!("{}{}{}", sdk.name(), self.labels().colon, remedy.text),
        }
    }

    /// Returns what each of the texts means that no code has.
    pub(super) fn meanings(self, others: &[OtherText]) -> Vec<&'static str> {
        match self {
            Self::English => others.iter().map(|other| other.meaning).collect(),
            Self::Chinese => zh::MEANINGS.to_vec(),
        }
    }
}

fn chinese_place(place: Place) -> &'static str {
    match place {
        Place::Log => "eKuiper 的日志中",
        Place::RestAnswer => "REST 响应中",
        Place::RuleStatus => "规则状态中",
        Place::PluginStatus => "插件状态中",
        Place::PluginOutput => "插件自己的输出中",
    }
}
