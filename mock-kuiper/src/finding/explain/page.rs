//! The explanations as one page of Markdown.

use std::fmt::Write as _;

use super::entry::{Explanation, OtherText, Quote};
use super::language::Language;
use crate::finding::code::Code;
use crate::markdown::{code_span, link, link_as};

/// What a page has besides the explanations.
struct Texts {
    introduction: &'static str,
    /// The headings of the parts. The anchors of a translation are the English ones.
    texts: &'static str,
    silent: &'static str,
    others: &'static str,
    about_silent: &'static str,
    about_others: &'static str,
    /// Between the links of a list.
    list: &'static str,
}

const ENGLISH: Texts = Texts {
    introduction: "\
# Troubleshooting

[中文](zh/troubleshooting.md)

What can be wrong with a portable plugin, by the code that mock-kuiper gives it: what a user of a real eKuiper sees, the usual cause, and what to change. If you have only eKuiper's log, search this page for a line of it, or look it up in the first list.

Words in capitals stand for what differs from case to case: `RULE`, `STREAM`, `PLUGIN`, `SYMBOL`, `OP` (an action and its index, such as `file_0`), `PATH`, `STATEMENT`, `ROW`, `TEXT`, `N`. Everything else is verbatim. Each text has its source: where it was read, and whether a run of that release showed it, too. In eKuiper's log a quotation mark inside a text has a backslash.

Not every fault has a text: look at [what eKuiper does not show](#what-ekuiper-does-not-show) as well.
",
    texts: "Texts of eKuiper",
    silent: "What eKuiper does not show",
    others: "Other texts of eKuiper",
    about_silent: "eKuiper's log has no line about these, at least not when they happen:",
    about_others: "They are about the machine or the package, and no finding has them.",
    list: ", ",
};

const CHINESE: Texts = Texts {
    introduction: "\
# 故障排查

[English](../troubleshooting.md)

Portable 插件可能出现的问题，按 mock-kuiper 给出的问题代码排列：真实的 eKuiper 会显示什么、常见原因是什么，以及应当如何修改。如果您手头只有 eKuiper 的日志，请在本页搜索其中的一行，或者在第一个列表中查找。

大写单词代表因情况而异的内容：`RULE`（规则）、`STREAM`（流）、`PLUGIN`（插件）、`SYMBOL`（符号）、`OP`（动作及其序号，例如 `file_0`）、`PATH`（路径）、`STATEMENT`（语句）、`ROW`（数据）、`TEXT`（文本）、`N`（数字）。其余内容均为原文。每段文本都注明来源：出自何处，以及在该版本的实际运行中是否也出现过。在 eKuiper 的日志中，文本里的引号前有反斜杠。

并非每个问题都有对应的文本，请同时查看 [eKuiper 不会显示的问题](#what-ekuiper-does-not-show)。
",
    texts: "eKuiper 输出的文本",
    silent: "eKuiper 不会显示的问题",
    others: "eKuiper 输出的其他文本",
    about_silent: "出现以下问题时，eKuiper 的日志中没有任何记录，至少在问题发生时没有：",
    about_others: "这些文本与机器或插件包有关，没有对应的问题代码。",
    list: "、",
};

/// Writes the page. `hint` gives the line on how the command helps with a code.
pub(super) fn page(
    language: Language,
    explanations: &[&Explanation],
    others: &[OtherText],
    hint: impl Fn(Code) -> Option<String>,
) -> String {
    let texts = match language {
        Language::English => &ENGLISH,
        Language::Chinese => &CHINESE,
    };
    let mut page = Page {
        language,
        texts,
        text: String::from(texts.introduction),
    };
    page.write_texts(explanations, others);
    page.write_silent(explanations);
    for explanation in explanations {
        page.write_explanation(explanation, hint(explanation.code));
    }
    page.write_others(others);
    page.text
}

struct Page {
    language: Language,
    texts: &'static Texts,
    text: String,
}

impl Page {
    /// Writes the heading of a part, which has the anchor of its English heading.
    fn write_heading(&mut self, heading: &str, english: &str) {
        if self.language != Language::English {
            let anchor = english.to_lowercase().replace(' ', "-");
            let _ = write!(self.text, "\n<a id=\"{anchor}\"></a>\n");
        }
        let _ = write!(self.text, "\n## {heading}\n\n");
    }

    /// Lists every text of eKuiper, in alphabetical order, with links to what it
    /// means. A text that belongs to several codes stands once.
    fn write_texts(&mut self, explanations: &[&Explanation], others: &[OtherText]) {
        self.write_heading(self.texts.texts, ENGLISH.texts);
        let of_codes = explanations.iter().flat_map(|explanation| {
            let quotes = explanation.quotes.iter();
            quotes.map(|quote| (quote.text, link(explanation.code.name())))
        });
        let elsewhere = link_as(self.texts.others, ENGLISH.others);
        let others = others
            .iter()
            .map(|other| (other.quote.text, elsewhere.clone()));
        let mut texts: Vec<_> = of_codes.chain(others).collect();
        texts.sort_by_key(|(text, _)| text.trim_start_matches('"').to_lowercase());
        let colon = self.language.labels().colon;
        for same in texts.chunk_by(|(one, _), (other, _)| one == other) {
            let mut links: Vec<_> = same.iter().map(|(_, link)| link.as_str()).collect();
            links.dedup();
            let links = links.join(self.texts.list);
            let _ = writeln!(self.text, "- {}{colon}{links}", code_span(same[0].0));
        }
    }

    /// Lists the codes of which eKuiper shows nothing when they happen.
    fn write_silent(&mut self, explanations: &[&Explanation]) {
        self.write_heading(self.texts.silent, ENGLISH.silent);
        let _ = write!(self.text, "{}\n\n", self.texts.about_silent);
        let colon = self.language.labels().colon;
        for explanation in explanations.iter().filter(|e| e.is_silent()) {
            let link = link(explanation.code.name());
            let title = self.language.words(explanation).title;
            let _ = writeln!(self.text, "- {link}{colon}{title}");
        }
    }

    fn write_explanation(&mut self, explanation: &Explanation, hint: Option<String>) {
        let labels = self.language.labels();
        let words = self.language.words(explanation);
        let (code, stop) = (explanation.code, labels.stop);
        let (title, observed, effect) = (words.title, words.observed, words.effect);
        let _ = writeln!(
            self.text,
            "\n## {code}\n\n**{title}{stop}** {observed}\n\n**{}{stop}** {effect}",
            labels.effect
        );
        for quote in explanation.quotes {
            self.write_quote(quote);
        }
        let (label, cause) = (labels.cause, words.cause);
        let _ = writeln!(
            self.text,
            "\n**{label}{stop}** {cause}\n\n**{}{stop}**\n",
            labels.remedies
        );
        for remedy in &words.remedies {
            let _ = writeln!(self.text, "- {}", self.language.remedy(remedy));
        }
        if let Some(hint) = hint {
            let _ = writeln!(self.text, "- mock-kuiper{}{hint}", labels.colon);
        }
    }

    fn write_quote(&mut self, quote: &Quote) {
        let labels = self.language.labels();
        let (place, source) = (self.language.place(quote), self.language.source(quote));
        let colon = labels.colon.trim_end();
        let _ = writeln!(
            self.text,
            "\n{place}{colon}\n\n```text\n{}\n```\n\n{}{}{source}",
            quote.text, labels.source, labels.colon
        );
    }

    fn write_others(&mut self, others: &[OtherText]) {
        self.write_heading(self.texts.others, ENGLISH.others);
        let _ = writeln!(self.text, "{}", self.texts.about_others);
        for (other, meaning) in others.iter().zip(self.language.meanings(others)) {
            self.write_quote(&other.quote);
            let _ = writeln!(self.text, "\n{meaning}");
        }
    }
}
