//! Where somebody lives now (<https://hl7.org/fhir/R4/datatypes.html#Address>).

use jiff::Timestamp;

use crate::fhir::{Node, Truth, period};

/// The current one of these addresses: not an old or a billing address, nor one whose period is over or has not begun. Home
/// before unsaid before temporary before work; of two alike a place before a mailbox, then the one that began later, then
/// the one that stands first.
pub(super) fn current<'r>(addresses: impl Iterator<Item = Node<'r>>, at: Timestamp) -> Option<Node<'r>> {
    let mut best = None;
    for address in addresses {
        let Some(rank) = rank(address, at) else { continue };
        if best.is_none_or(|(than, _)| rank > than) {
            best = Some((rank, address));
        }
    }
    best.map(|(_, address)| address)
}

fn rank(address: Node<'_>, at: Timestamp) -> Option<(u8, bool, Option<Timestamp>)> {
    let by_use = match address.str("use").as_deref() {
        Some("home") => 3,
        None => 2,
        Some("temp") => 1,
        Some("work") => 0,
        _ => return None,
    };
    let time = address.get("period");
    if time.is_some_and(|time| period::includes(time, at) == Truth::No) {
        return None;
    }
    let is_place = !address.get("type").is_some_and(|kind| kind.is_str("postal"));
    let since = time.and_then(|time| period::instants(&time.str("start")?)).map(|(first, _)| first);
    Some((by_use, is_place, since))
}
