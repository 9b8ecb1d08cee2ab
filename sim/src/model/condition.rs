//! Conditions: what is wrong with some links for a while.

use super::network::Machine;

/// Whose links.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Whose {
    /// Those of this machine; all if nothing.
    pub machine: Option<Machine>,
    /// Of these only the ones to and from this machine.
    pub peer: Option<Machine>,
}

impl Whose {
    /// Whether the link between two machines is one of them, in either direction.
    pub fn touches(&self, from: Machine, to: Machine) -> bool {
        let has = |machine: Option<Machine>| machine.is_none_or(|machine| machine == from || machine == to);
        has(self.machine) && has(self.peer)
    }
}

/// Between whom nothing passes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Between these and all others.
    Aside(Vec<Machine>),
    /// From these to those, or to all others.
    OneWay(Vec<Machine>, Option<Vec<Machine>>),
    /// Between these groups, and between them and the rest.
    Split(Vec<Vec<Machine>>),
    /// On these links.
    Of(Whose),
}

impl Cut {
    /// Whether nothing passes from one to the other.
    pub fn parts(&self, from: Machine, to: Machine) -> bool {
        match self {
            Cut::Aside(side) => side.contains(&from) != side.contains(&to),
            Cut::OneWay(side, None) => side.contains(&from) && !side.contains(&to),
            Cut::OneWay(side, Some(others)) => side.contains(&from) && others.contains(&to),
            Cut::Split(groups) => {
                let group = |machine| groups.iter().position(|group| group.contains(&machine));
                group(from) != group(to)
            }
            Cut::Of(whose) => whose.touches(from, to),
        }
    }
}

/// Something that is wrong with some links.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// Nothing passes; what is on the way is sent again later, and a long one costs the connection.
    Cut(Cut),
    /// Nothing passes for now; nothing is lost, however long it takes.
    Clog(Cut),
    /// A share of the segments is lost.
    Loss(f64, Whose),
    /// Everything takes so many nanoseconds longer.
    Delay(u64, Whose),
    /// Everything takes up to so many nanoseconds longer.
    Jitter(u64, Whose),
    /// A share of what is sent goes over the wire twice.
    Duplicate(f64, Whose),
    /// A share of what is sent comes up to so many nanoseconds late: later segments are there first.
    Reorder(f64, u64, Whose),
    /// A share of what is sent has a bit flipped.
    Corrupt(f64, Whose),
    /// At most so many bits a second, and at most so many bytes on the way.
    Throttle(u64, Option<u64>, Whose),
}

impl Condition {
    /// Whether nothing passes from one to the other.
    pub fn cuts(&self, from: Machine, to: Machine) -> bool {
        matches!(self, Condition::Cut(cut) | Condition::Clog(cut) if cut.parts(from, to))
    }

    /// Whether it keeps the link between two machines from passing something in some direction.
    pub fn crosses(&self, one: Machine, other: Machine) -> bool {
        self.cuts(one, other) || self.cuts(other, one)
    }

    /// Whether a connection does not outlive a long one.
    pub fn loses_connections(&self) -> bool {
        matches!(self, Condition::Cut(_))
    }

    /// Whether it has to do with what passes from one to the other.
    pub fn touches(&self, from: Machine, to: Machine) -> bool {
        match self {
            Condition::Cut(cut) | Condition::Clog(cut) => cut.parts(from, to),
            Condition::Loss(_, whose)
            | Condition::Delay(_, whose)
            | Condition::Jitter(_, whose)
            | Condition::Duplicate(_, whose)
            | Condition::Reorder(_, _, whose)
            | Condition::Corrupt(_, whose)
            | Condition::Throttle(_, _, whose) => whose.touches(from, to),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_one_way_cut_lets_the_other_way_pass() {
        let cut = Cut::OneWay(vec![0], Some(vec![1]));
        assert!(cut.parts(0, 1) && !cut.parts(1, 0) && !cut.parts(0, 2));
        let all = Cut::OneWay(vec![0, 3], None);
        assert!(all.parts(0, 2) && !all.parts(2, 0) && !all.parts(0, 3));
    }

    #[test]
    fn a_split_parts_groups_and_the_rest() {
        let cut = Cut::Split(vec![vec![0, 1], vec![2]]);
        assert!(cut.parts(0, 2) && cut.parts(2, 5) && !cut.parts(0, 1) && !cut.parts(4, 5));
    }

    #[test]
    fn a_link_is_known_by_both_ends() {
        let whose = Whose { machine: Some(1), peer: Some(2) };
        assert!(whose.touches(1, 2) && whose.touches(2, 1) && !whose.touches(1, 3) && !whose.touches(3, 2));
        assert!(Whose::default().touches(7, 8));
    }
}
