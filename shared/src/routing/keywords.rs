//! All that the rules of a document look for in texts, found in one pass.

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use indexmap::IndexSet;

/// One of the keywords, by its position.
pub(super) type Keyword = usize;

/// The keywords of a document, while it is read.
#[derive(Default)]
pub(super) struct KeywordList(IndexSet<String>);

impl KeywordList {
    /// Adds a folded text, unless it is there.
    pub(super) fn add(&mut self, folded: String) -> Keyword {
        self.0.insert_full(folded).0
    }

    /// Makes them ready to be found; `None` when there are more than can be.
    pub(super) fn compile(self) -> Option<Keywords> {
        let mut builder = AhoCorasick::builder();
        // The fastest to make: it is made at every load and runs over a few texts.
        let builder = builder.kind(Some(AhoCorasickKind::NoncontiguousNFA));
        let finder = if self.0.is_empty() { None } else { Some(builder.build(&self.0).ok()?) };
        Some(Keywords { count: self.0.len(), finder })
    }
}

/// Finds all keywords at once.
#[derive(Clone, Debug)]
pub(super) struct Keywords {
    count: usize,
    finder: Option<AhoCorasick>,
}

impl Keywords {
    /// For each keyword whether any of these folded texts contains it.
    pub(super) fn found_in(&self, folded: &[String]) -> Vec<bool> {
        let mut found = vec![false; self.count];
        let mut missing = self.count;
        let Some(finder) = &self.finder else { return found };
        for keyword in folded.iter().flat_map(|text| finder.find_overlapping_iter(text)) {
            let found = &mut found[keyword.pattern().as_usize()];
            missing -= usize::from(!*found);
            *found = true;
            if missing == 0 {
                break;
            }
        }
        found
    }
}
