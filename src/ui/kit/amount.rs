//! Numbers as a person reads them. Written with whole numbers: formatting fractions would be a hundredth of the download.

use crate::ui::tr;

/// `1234` as `1,234`.
pub fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() + 8);
    if number < 0 {
        text.push('-');
    }
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push_str(tr!(number.thousands));
        }
        text.push(digit);
    }
    text
}

/// Dollars and cents. Less than a cent is not nothing.
pub fn dollars(cost: f64) -> String {
    let cents = (cost * 100.0).round() as i64;
    if cents == 0 && cost > 0.0 {
        return tr!(number.less_than_a_cent).to_owned();
    }
    let cents_of = format!("{:02}", (cents % 100).abs());
    tr!(number.dollars, whole = grouped(cents / 100), cents = cents_of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([grouped(0), grouped(1_234_567)], ["0", "1,234,567"]);
        assert_eq!([grouped(999), grouped(-1000), grouped(i64::MIN)], ["999", "-1,000", "-9,223,372,036,854,775,808"]);
    }

    #[test]
    fn costs_are_told_in_dollars_and_cents() {
        let costs = [0.0, 0.004, 0.005, 12.3, 1234.5, f64::INFINITY].map(dollars);
        assert_eq!(costs[..5], ["$0.00", "<$0.01", "$0.01", "$12.30", "$1,234.50"]);
    }
}
