//! Cuts a stream of bytes into lines, and over-long lines into pieces.

/// A piece of a line that goes on in the next piece is at most this long. A line of exactly this length is whole.
pub const PIECE_MAX_BYTES: usize = 256 * 1024;

/// The unfinished line at the end of what has been read from one stream.
#[derive(Default)]
pub struct Lines {
    pending: Vec<u8>,
}

impl Lines {
    /// Takes in what was read; calls `emit` with each piece, without its newline, and whether its line goes on.
    pub fn push(&mut self, mut bytes: &[u8], mut emit: impl FnMut(&[u8], bool)) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = bytes.split_at(end);
            self.extend(line, &mut emit);
            emit(without_carriage_return(&self.pending), false);
            self.pending.clear();
            bytes = &rest[1..];
        }
        self.extend(bytes, &mut emit);
    }

    /// The stream has ended: a last line without a newline is a line too.
    pub fn finish(&mut self, mut emit: impl FnMut(&[u8], bool)) {
        if !self.pending.is_empty() {
            emit(&self.pending, false);
            self.pending.clear();
        }
    }

    fn extend(&mut self, bytes: &[u8], emit: &mut impl FnMut(&[u8], bool)) {
        self.pending.extend_from_slice(bytes);
        while self.pending.len() > PIECE_MAX_BYTES {
            let cut = character_boundary(&self.pending, PIECE_MAX_BYTES);
            emit(&self.pending[..cut], true);
            self.pending.drain(..cut);
        }
    }
}

fn without_carriage_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The largest index up to `at` that does not cut a UTF-8 character; `at` itself where the bytes are no UTF-8.
fn character_boundary(bytes: &[u8], at: usize) -> usize {
    let is_continuation = |byte: u8| byte & 0b1100_0000 == 0b1000_0000;
    (at.saturating_sub(3)..=at).rev().find(|cut| !is_continuation(bytes[*cut])).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(chunks: &[&[u8]]) -> Vec<(Vec<u8>, bool)> {
        let mut lines = Lines::default();
        let mut pieces = vec![];
        for chunk in chunks {
            lines.push(chunk, |piece, more| pieces.push((piece.to_vec(), more)));
        }
        lines.finish(|piece, more| pieces.push((piece.to_vec(), more)));
        pieces
    }

    #[test]
    fn lines_are_the_same_however_they_arrive() {
        let whole = cut(&[b"one\n\nthree\r\nlast"]);
        let expected: Vec<_> = ["one", "", "three", "last"].map(|line| (line.as_bytes().to_vec(), false)).into();
        assert_eq!(whole, expected);
        assert_eq!(cut(&[b"on", b"e\n", b"\nthr", b"ee\r\nla", b"st"]), expected);
    }

    #[test]
    fn a_line_of_exactly_the_limit_is_whole_and_a_longer_one_is_in_pieces() {
        let exact = vec![b'x'; PIECE_MAX_BYTES];
        assert_eq!(cut(&[&exact, b"\n"]), [(exact.clone(), false)]);
        let longer = [&exact[..], b"y\n"].concat();
        assert_eq!(cut(&[&longer]), [(exact, true), (b"y".to_vec(), false)]);
    }

    #[test]
    fn a_cut_spares_characters() {
        let mut line = vec![b'x'; PIECE_MAX_BYTES - 1];
        line.extend("é and more".as_bytes());
        let pieces = cut(&[&line]);
        assert_eq!(pieces.len(), 2);
        assert!(pieces.iter().all(|(piece, _)| std::str::from_utf8(piece).is_ok()));
    }
}
