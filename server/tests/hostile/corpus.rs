//! Two hundred strings that would become markup or script wherever one of them got into a page as it is: ten ways out of
//! the place in which a text stands, five things to begin there, each of them written in four ways. Every string has a
//! number of its own, so that it can be found again.

/// Stands before the number of a string.
pub const MARK: &str = "xq";
/// Strings of the corpus.
pub const STRINGS: usize = 200;

/// Out of nothing, of an attribute in either kind of quotes or before another one, of elements whose content is no markup,
/// of a comment, of a text in a script, and of two elements at once.
const OUT: [&str; 10] =
    ["", "\">", "'>", "\" ", "</textarea>", "</title>", "</script>", "-->", "\\\";", "</select></style>"];
/// What is begun; `{}` stands for the mark.
const BEGUN: [&str; 5] = [
    "<script>{}()</script>",
    "<img src={} onerror={}()>",
    "<svg/onload={}()>",
    "javascript:{}()//<a href=javascript:{}()>x</a>",
    " autofocus onfocus={}() ",
];
/// Ways to write it.
const WAYS: usize = 4;

/// As it is, with letters of both cases, as entities, as bytes of an address.
fn written(text: &str, way: usize) -> String {
    let pairs: &[(&str, &str)] = match way {
        1 => &[("script", "sCrIpT"), ("img", "iMg"), ("svg", "SvG"), ("on", "oN"), ("java", "JaVa")],
        2 => &[("<", "&lt;"), (">", "&gt;"), ("\"", "&quot;"), ("'", "&#39;"), (":", "&colon;")],
        3 => &[("<", "%3C"), (">", "%3E"), ("\"", "%22"), ("'", "%27"), (":", "%3A")],
        _ => &[],
    };
    pairs.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// All of them, in the order of their numbers.
pub fn corpus() -> Vec<String> {
    let mut strings = Vec::with_capacity(STRINGS);
    for out in OUT {
        for begun in BEGUN {
            for way in 0..WAYS {
                let mark = format!("{MARK}{:03}", strings.len());
                strings.push(written(&format!("{out}{begun}"), way).replace("{}", &mark));
            }
        }
    }
    strings
}

/// How many of the strings left their mark in a text.
pub fn marks(text: &str) -> usize {
    (0..STRINGS).filter(|number| text.contains(&format!("{MARK}{number:03}"))).count()
}

#[test]
fn there_are_two_hundred_and_no_two_are_alike() {
    let strings = corpus();
    let different: std::collections::BTreeSet<&String> = strings.iter().collect();
    assert_eq!((strings.len(), different.len(), marks(&strings.concat())), (STRINGS, STRINGS, STRINGS));
}
