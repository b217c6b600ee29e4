//! What the parser says of broken writing, in words that need no grammar.

#![expect(clippy::wildcard_enum_match_arm, reason = "the parser may learn more kinds of errors")]

use granit_parser::ErrorKind;

use crate::files::syntax::too_deep;

/// The parser speaks of its grammar; these are what people get wrong most.
pub(super) fn in_our_words(kind: &ErrorKind) -> (String, Option<&'static str>) {
    use ErrorKind as E;
    let (message, hint) = match kind {
        // table
        E::MappingValueNotAllowed | E::InvalidColonPlacement | E::InvalidMappingValueWhitespace => (
            "`:` cannot stand here",
            Some("put a text with `: ` in it in quotes, and see whether the lines are indented alike"),
        ),
        E::UnclosedQuotedScalar | E::InvalidQuotedScalarIndent | E::DocumentIndicatorInQuotedScalar => {
            ("the string is not closed", None)
        }
        E::InvalidTrailingSingleQuotedScalar | E::InvalidTrailingDoubleQuotedScalar => {
            ("something stands behind the closing quote", Some("put the whole value in quotes, those within doubled"))
        }
        E::UnclosedFlowCollection { open: '[' } | E::UnexpectedEofFlowSequence => ("`[` is not closed", None),
        E::UnclosedFlowCollection { .. } | E::UnexpectedEofFlowMapping => ("`{` is not closed", None),
        E::ExpectedFlowMappingSeparator => ("`,` or `}` is missing here", None),
        E::ExpectedFlowSequenceSeparator => ("`,` or `]` is missing here", None),
        E::MisplacedFlowCollectionEnd | E::MismatchedFlowCollectionEnd { .. } => {
            ("this bracket closes nothing that was opened", None)
        }
        E::TabNotAllowed | E::TabInBlockIndentation | E::TabInIndentation | E::TabAtBlockScalarStart => {
            ("a tab cannot indent a line", Some("indent with spaces"))
        }
        E::UnknownQuotedScalarEscape => {
            ("the string holds an escape that does not exist", Some("in single quotes `\\` is only itself"))
        }
        E::DirectiveDisallowed => ("directives are not supported", Some("leave the line out")),
        E::UndeclaredTagHandle => ("tags are not supported", Some("put a text that begins with `!` in quotes")),
        E::ExpectedBlockMappingKey | E::InvalidIndentation | E::InvalidBlockScalarIndent => {
            ("the line fits no line above", Some("indent the keys of one table alike"))
        }
        E::ExpectedBlockSequenceEntry | E::BlockSequenceEntryNotAllowed => {
            ("an item of a list does not fit here", Some("indent the items of one list alike"))
        }
        E::SimpleKeyExpected | E::InvalidSimpleKey => ("`:` is missing after the key", None),
        E::UnexpectedCharacter { .. } | E::PlainScalarStartsWithDashFlowIndicator => {
            ("a value cannot begin like this", Some("put it in quotes"))
        }
        E::RecursionLimitExceeded => return (too_deep(), None),
        _ => return (kind.to_string().trim_end_matches('.').to_lowercase(), None),
    };
    (message.to_owned(), hint)
}
