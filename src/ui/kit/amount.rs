//! Numbers as a person reads them. Written with whole numbers: formatting fractions would be a hundredth of the download.

/// `1234` as `1,234`.
pub fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() + 8);
    if number < 0 {
        text.push('-');
    }
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1234 lines` as a person writes it: `1,234 lines`; `1 line`.
pub fn counted(number: i64, noun: &str) -> String {
    let mut text = grouped(number);
    text.push(' ');
    text.push_str(noun);
    if number != 1 {
        text.push('s');
    }
    text
}

/// Dollars and cents. Less than a cent is not nothing.
pub fn dollars(cost: f64) -> String {
    let cents = (cost * 100.0).round() as i64;
    if cents == 0 && cost > 0.0 {
        return "<$0.01".to_owned();
    }
    format!("${}.{:02}", grouped(cents / 100), (cents % 100).abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_nouns_agree() {
        assert_eq!(counted(0, "line"), "0 lines");
        assert_eq!(counted(1, "line"), "1 line");
        assert_eq!(counted(1_234_567, "line"), "1,234,567 lines");
        assert_eq!([grouped(999), grouped(-1000), grouped(i64::MIN)], ["999", "-1,000", "-9,223,372,036,854,775,808"]);
    }

    #[test]
    fn costs_are_told_in_dollars_and_cents() {
        let costs = [0.0, 0.004, 0.005, 12.3, 1234.5, f64::INFINITY].map(dollars);
        assert_eq!(costs[..5], ["$0.00", "<$0.01", "$0.01", "$12.30", "$1,234.50"]);
    }
}
