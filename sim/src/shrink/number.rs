//! A number of a scenario file, whatever its unit, and the smaller ones to try in its place.

use toml_edit::Value;

/// A number as a scenario file writes it: `12`, `0.02`, `"104.618ms"`, `"500/s"`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Number {
    value: f64,
    form: Form,
}

#[derive(Clone, Debug, PartialEq)]
enum Form {
    Integer,
    Float,
    /// A text with a unit; of a range, its low end.
    Text {
        unit: String,
        range: bool,
    },
}

impl Number {
    /// Reads a value; none if it is no number.
    pub fn read(value: &Value) -> Option<Number> {
        match value {
            Value::Integer(integer) => Some(Number { value: *integer.value() as f64, form: Form::Integer }),
            Value::Float(float) => Some(Number { value: *float.value(), form: Form::Float }),
            Value::String(text) => quantity(text.value()),
            _ => None,
        }
    }

    /// Smaller ones, the smallest first.
    pub fn smaller(&self) -> Vec<Value> {
        let value = self.value;
        let mut values: Vec<f64> =
            [0.0, 1.0, value / 8.0, value / 4.0, value / 2.0, value * 0.75, value - 1.0]
                .into_iter()
                .map(|smaller| self.round(smaller))
                .filter(|smaller| (0.0..value).contains(smaller))
                .collect();
        if matches!(self.form, Form::Text { range: true, .. }) {
            values.push(value);
        }
        values.sort_by(f64::total_cmp);
        values.dedup();
        values.into_iter().map(|smaller| self.write(smaller)).collect()
    }

    /// A part of it.
    pub fn part(&self, part: f64) -> Value {
        self.write(self.round(self.value * part))
    }

    /// To a whole number where that is no great change.
    fn round(&self, value: f64) -> f64 {
        match self.form {
            Form::Float if value < 4.0 => (value * 1000.0).round() / 1000.0,
            _ => value.round(),
        }
    }

    fn write(&self, value: f64) -> Value {
        match &self.form {
            Form::Integer => (value as i64).into(),
            Form::Float => value.into(),
            Form::Text { unit, .. } => format!("{value}{unit}").into(),
        }
    }
}

/// A number with a unit, or a range of them.
fn quantity(text: &str) -> Option<Number> {
    let (low, range) = text.split_once("..").map_or((text, false), |(low, _)| (low, true));
    let end = low.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(low.len());
    let (number, unit) = low.split_at(end);
    Some(Number { value: number.parse().ok()?, form: Form::Text { unit: unit.to_owned(), range } })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn smaller(value: impl Into<Value>) -> Vec<String> {
        let number = Number::read(&value.into()).unwrap();
        number.smaller().iter().map(|value| value.to_string().trim().to_owned()).collect()
    }

    #[test]
    fn smaller_numbers_keep_their_unit_and_are_round() {
        assert_eq!(smaller(12), ["0", "1", "2", "3", "6", "9", "11"]);
        assert_eq!(
            smaller("104.618ms"),
            ["\"0ms\"", "\"1ms\"", "\"13ms\"", "\"26ms\"", "\"52ms\"", "\"78ms\"", "\"104ms\""]
        );
        assert_eq!(smaller("1..3"), ["\"0\"", "\"1\""]);
        assert_eq!(smaller(0.02), ["0.0", "0.003", "0.005", "0.01", "0.015"]);
        assert!(smaller(0).is_empty());
    }

    #[test]
    fn what_is_no_number_is_left_alone() {
        for text in ["crash", "client/3", "sequencer", "unlimited"] {
            assert_eq!(Number::read(&text.into()), None, "{text}");
        }
    }
}
