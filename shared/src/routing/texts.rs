//! The texts that the user wrote, in a form in which many words are found quickly.
//!
//! Users write the texts, so no text may make a decision slow. A ruleset of few words searches for
//! each of them. For more words the texts are sorted by all of their suffixes once. Each word is then a
//! binary search, however many words there are and however they overlap.

use super::text::folded;

/// The newest texts up to this many characters are searched; one more is counted for each text.
const MOST_CHARS: usize = 64 * 1024 + 1;
/// Up to this many words of a ruleset are searched for one by one.
const FEW_WORDS: usize = 32;
/// Precedes each text. Larger than each character, as is the byte.
const BEFORE: u32 = 0x11_0000;
const BEFORE_BYTE: u8 = 0xff;

/// The words of a ruleset, as far as the index must know them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Words {
    /// Their number.
    pub(super) count: usize,
    /// The characters of the longest one.
    pub(super) longest: usize,
}

impl Words {
    /// The words of both.
    pub(super) fn and(self, other: Self) -> Self {
        Self { count: self.count + other.count, longest: self.longest.max(other.longest) }
    }

    /// The words of one condition, folded.
    pub(super) fn of(words: &[String]) -> Self {
        let longest = words.iter().map(|word| word.chars().count()).max();
        Self { count: words.len(), longest: longest.unwrap_or_default() }
    }
}

/// The user's texts, folded.
pub(super) enum Texts {
    /// One by one.
    Each(Vec<String>),
    /// All in one.
    Sorted {
        /// The texts, each after [`BEFORE_BYTE`].
        bytes: Vec<u8>,
        /// The places in `bytes` where characters begin, sorted by what follows.
        order: Vec<u32>,
        /// The number of these that are not the beginning of a text. The others come last.
        inside: usize,
    },
}

impl Texts {
    /// Prepares texts, the newest last, for a search for such words.
    pub(super) fn new(texts: &[String], words: Words) -> Self {
        let mut room = MOST_CHARS;
        let newest = texts.iter().rev().map(|text| folded(text)).take_while(|text| {
            let left = room.checked_sub(text.chars().count() + 1);
            room = left.unwrap_or_default();
            left.is_some()
        });
        if words.count <= FEW_WORDS {
            return Self::Each(newest.collect());
        }
        let (mut bytes, mut symbols, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for text in newest {
            places.push(bytes.len() as u32);
            symbols.push(BEFORE);
            bytes.push(BEFORE_BYTE);
            places.extend(text.char_indices().map(|(place, _)| (bytes.len() + place) as u32));
            symbols.extend(text.chars().map(u32::from));
            bytes.extend(text.bytes());
        }
        let order = sorted_suffixes(&symbols, words.longest + 1);
        let inside = symbols.iter().filter(|symbol| **symbol != BEFORE).count();
        let order = order.into_iter().map(|position| places[position as usize]).collect();
        Self::Sorted { bytes, order, inside }
    }

    /// True if any text contains this folded word.
    pub(super) fn contain(&self, word: &str) -> bool {
        match self {
            Self::Each(texts) => texts.iter().any(|text| text.contains(word)),
            Self::Sorted { bytes, order, inside } => any_begins(&order[..*inside], |p| &bytes[p..], word),
        }
    }

    /// True if any text begins with this folded word.
    pub(super) fn begin(&self, word: &str) -> bool {
        match self {
            Self::Each(texts) => texts.iter().any(|text| text.starts_with(word)),
            Self::Sorted { bytes, order, inside } => any_begins(&order[*inside..], |p| &bytes[p + 1..], word),
        }
    }
}

fn any_begins<'a>(order: &[u32], suffix: impl Fn(usize) -> &'a [u8], word: &str) -> bool {
    let word = word.as_bytes();
    let first = order.partition_point(|place| suffix(*place as usize) < word);
    order.get(first).is_some_and(|place| suffix(*place as usize).starts_with(word))
}

/// The positions of `symbols`, sorted by the next `longest` symbols from there.
///
/// Manber and Myers' algorithm: one linear pass doubles the number of symbols by which the positions are sorted. So
/// it takes one sort and at most log(`longest`) passes, whatever the symbols are.
fn sorted_suffixes(symbols: &[u32], longest: usize) -> Vec<u32> {
    const FIRST: usize = 2;
    /// A symbol takes 21 bits, a position less.
    const BITS: u32 = 21;
    let count = symbols.len();
    // Nothing sorts before each symbol.
    let symbol = |position: usize| symbols.get(position).map_or(0, |symbol| u64::from(*symbol) + 1);
    let key = |position: usize| symbol(position) << BITS | symbol(position + 1);
    let mut keys: Vec<u64> = (0..count).map(|position| key(position) << BITS | position as u64).collect();
    keys.sort_unstable();
    let mut order: Vec<u32> = keys.iter().map(|key| (key & ((1 << BITS) - 1)) as u32).collect();
    let mut ranks = vec![0; count];
    let mut distinct = rank(&order, &mut ranks, key);
    let mut width = FIRST;
    let (mut by_second, mut starts, mut next) = (Vec::with_capacity(count), Vec::new(), vec![0; count]);
    while distinct < count && width < longest {
        // First by the symbols behind the sorted ones: where there are none, and then as sorted before.
        let behind = order.iter().filter_map(|position| position.checked_sub(width as u32));
        by_second.clear();
        by_second.extend((count.saturating_sub(width)..count).map(|position| position as u32).chain(behind));
        // Then by the sorted ones, without a change among equals.
        starts.clear();
        starts.resize(distinct + 1, 0_u32);
        ranks.iter().for_each(|rank: &u32| starts[*rank as usize + 1] += 1);
        (1..starts.len()).for_each(|rank| starts[rank] += starts[rank - 1]);
        for position in &by_second {
            let start = &mut starts[ranks[*position as usize] as usize];
            order[*start as usize] = *position;
            *start += 1;
        }
        let second = |position: usize| ranks.get(position + width).map_or(0, |rank| u64::from(*rank) + 1);
        distinct = rank(&order, &mut next, |position| u64::from(ranks[position]) << 32 | second(position));
        std::mem::swap(&mut ranks, &mut next);
        width *= 2;
    }
    order
}

/// Numbers the positions by their keys, equal ones alike, and returns how many numbers there are.
fn rank(order: &[u32], ranks: &mut [u32], key: impl Fn(usize) -> u64) -> usize {
    let (mut distinct, mut last) = (0_u32, None);
    for position in order {
        let key = key(*position as usize);
        distinct += u32::from(last != Some(key));
        last = Some(key);
        ranks[*position as usize] = distinct - 1;
    }
    distinct as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_newest_texts_are_searched_up_to_a_limit() {
        let texts = ["x".repeat(40_000), "y".repeat(40_000), String::new(), "z".into()];
        for count in [1, FEW_WORDS + 1] {
            let texts = Texts::new(&texts, Words { count, longest: 100 });
            assert!(texts.contain("yy") && texts.contain("z") && texts.begin("z") && !texts.contain("x"));
        }
        let largest = ["x".repeat(64 * 1024)];
        assert!(Texts::new(&largest, Words { count: 1, longest: 1 }).contain("xx"));
    }

    proptest! {
        #[test]
        fn words_are_found_as_by_a_plain_search(
            texts in prop::collection::vec("[abé退😀\u{0}]{0,40}", 0..5), word in "[abé退😀\u{0}]{1,12}", longest in 12_usize..30,
        ) {
            let index = Texts::new(&texts, Words { count: FEW_WORDS + 1, longest });
            let folded: Vec<_> = texts.iter().map(|text| folded(text)).collect();
            let words = folded.iter().flat_map(|text| text.char_indices().map(|(start, _)| {
                text[start..].chars().take(longest).collect::<String>()
            }));
            for word in words.chain([word.clone()]) {
                prop_assert_eq!(index.contain(&word), folded.iter().any(|text| text.contains(&word)), "{:?}", word);
                prop_assert_eq!(index.begin(&word), folded.iter().any(|text| text.starts_with(&word)), "{:?}", word);
            }
        }

        #[test]
        fn suffixes_are_sorted(text in "[ab]{0,200}", longest in 1_usize..100) {
            let symbols: Vec<_> = text.chars().map(u32::from).collect();
            let order = sorted_suffixes(&symbols, longest);
            let head = |position: u32| {
                let rest = &symbols[position as usize..];
                &rest[..rest.len().min(longest)]
            };
            prop_assert!(order.windows(2).all(|pair| head(pair[0]) <= head(pair[1])));
            prop_assert_eq!(order.len(), symbols.len());
        }
    }
}
