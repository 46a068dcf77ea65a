//! Reads the text of a policy; every refusal names the place.

use super::{DEPTH_MAX, PRINCIPALS_MAX, Principal, ROLES, Rule, role_name};
use crate::proto::channel::SignaturePolicyEnvelope;

const TEXT_BYTES_MAX: usize = 64 * 1024;

/// What is wrong with a policy's text.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum ParseProblem {
    #[error("the text is too long")]
    TooLong,
    #[error("AND, OR or OutOf is expected")]
    Function,
    #[error("a principal in quotes or another AND, OR or OutOf is expected")]
    Argument,
    #[error("{0:?} is expected")]
    Expected(char),
    #[error("the quote is not closed")]
    Quote,
    #[error("a principal is an MSP ID, a dot and one of member, admin, client, peer and orderer")]
    Principal,
    #[error("a whole number is expected")]
    Number,
    #[error("the number is larger than the count of what follows")]
    Count,
    #[error("the policy is nested too deeply")]
    TooDeep,
    #[error("the policy names too many principals")]
    TooMany,
    #[error("nothing more is expected here")]
    Rest,
}

/// A refusal with its place: `position` counts bytes from the start of the text.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("at position {position}: {problem}")]
pub struct ParseError {
    pub position: usize,
    pub problem: ParseProblem,
}

/// Reads a policy into Fabric's message, encoded as the official tools do.
pub fn parse(text: &str) -> Result<SignaturePolicyEnvelope, ParseError> {
    parse_rule(text).map(|rule| rule.envelope())
}

/// Reads a policy into a tree.
pub fn parse_rule(text: &str) -> Result<Rule, ParseError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(ParseError { position: TEXT_BYTES_MAX, problem: ParseProblem::TooLong });
    }
    let mut reader = Reader { text, position: 0, principals: 0 };
    reader.skip_space();
    let rule = reader.function(0)?;
    reader.skip_space();
    if reader.rest().is_empty() { Ok(rule) } else { Err(reader.refuse(ParseProblem::Rest)) }
}

struct Reader<'a> {
    text: &'a str,
    position: usize,
    principals: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.position..).unwrap_or_default()
    }

    fn refuse(&self, problem: ParseProblem) -> ParseError {
        ParseError { position: self.position, problem }
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        self.position += rest.len() - rest.trim_start().len();
    }

    /// The longest prefix of letters and digits.
    fn word(&self) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        rest.get(..end).unwrap_or_default()
    }

    /// Takes `wanted`, with space allowed around it.
    fn take(&mut self, wanted: char) -> Result<(), ParseError> {
        self.skip_space();
        if !self.rest().starts_with(wanted) {
            return Err(self.refuse(ParseProblem::Expected(wanted)));
        }
        self.position += wanted.len_utf8();
        self.skip_space();
        Ok(())
    }

    fn function(&mut self, depth: usize) -> Result<Rule, ParseError> {
        if depth >= DEPTH_MAX {
            return Err(self.refuse(ParseProblem::TooDeep));
        }
        let word = self.word();
        let kind = Function::from_word(word).ok_or_else(|| self.refuse(ParseProblem::Function))?;
        self.position += word.len();
        self.take('(')?;
        let (at, wanted) = (self.position, if kind == Function::OutOf { Some(self.number()?) } else { None });
        let mut rules = vec![self.argument(depth)?];
        self.skip_space();
        while self.rest().starts_with(',') {
            self.take(',')?;
            rules.push(self.argument(depth)?);
            self.skip_space();
        }
        self.take(')')?;
        let count = match kind {
            Function::And => rules.len(),
            Function::Or => 1,
            Function::OutOf => wanted.unwrap_or_default(),
        };
        // Fabric's own bound: one more than there are rules is still read (and can never be satisfied).
        if count > rules.len() + 1 {
            return Err(ParseError { position: at, problem: ParseProblem::Count });
        }
        Ok(Rule::OutOf(count, rules))
    }

    /// The number of `OutOf` with the comma after it.
    fn number(&mut self) -> Result<usize, ParseError> {
        let word = self.word();
        let number = word.parse().map_err(|_| self.refuse(ParseProblem::Number))?;
        self.position += word.len();
        self.take(',')?;
        Ok(number)
    }

    fn argument(&mut self, depth: usize) -> Result<Rule, ParseError> {
        match self.rest().chars().next() {
            Some(quote @ ('\'' | '"')) => self.principal(quote),
            Some(c) if c.is_ascii_alphabetic() => self.function(depth + 1),
            _ => Err(self.refuse(ParseProblem::Argument)),
        }
    }

    fn principal(&mut self, quote: char) -> Result<Rule, ParseError> {
        self.principals += 1;
        if self.principals > PRINCIPALS_MAX {
            return Err(self.refuse(ParseProblem::TooMany));
        }
        let body = self.rest().get(1..).unwrap_or_default();
        let (inside, _) = body.split_once(quote).ok_or_else(|| self.refuse(ParseProblem::Quote))?;
        let principal = read_principal(inside).ok_or_else(|| self.refuse(ParseProblem::Principal))?;
        self.position += inside.len() + 2;
        Ok(Rule::SignedBy(principal))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Function {
    And,
    Or,
    OutOf,
}

impl Function {
    /// The spellings of Fabric: as its documents have it, all lower and all upper case.
    fn from_word(word: &str) -> Option<Self> {
        match word {
            "AND" | "And" | "and" => Some(Self::And),
            "OR" | "Or" | "or" => Some(Self::Or),
            "OutOf" | "OUTOF" | "outof" => Some(Self::OutOf),
            _ => None,
        }
    }
}

/// An MSP ID may hold dots: the role stands behind the last one.
fn read_principal(text: &str) -> Option<Principal> {
    let (msp_id, role) = text.rsplit_once('.')?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    if msp_id.is_empty() || !msp_id.chars().all(allowed) {
        return None;
    }
    let role = ROLES.into_iter().find(|known| role_name(*known) == role)?;
    Some(Principal { msp_id: msp_id.into(), role })
}
