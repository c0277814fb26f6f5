use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{complain, size};

/// How far a command is, on standard error: a bar on a terminal, now and then a line elsewhere.
pub struct Bar {
    bar: Option<ProgressBar>,
    what: &'static str,
    done: u64,
    total: Option<u64>,
    /// The next line is due at so many bytes.
    next_line: u64,
}

/// Bytes between two lines.
const LINE_BYTES: u64 = 256 * 1024 * 1024;

impl Bar {
    /// Begins `what`, which is over after about `total` bytes, if that is known.
    pub fn new(what: &'static str, total: Option<u64>) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| draw(what, total));
        Self { bar, what, done: 0, total, next_line: LINE_BYTES }
    }

    /// So many bytes more are done.
    pub fn advance(&mut self, bytes: u64) {
        self.done += bytes;
        match &self.bar {
            Some(bar) => {
                // What a store takes up is only about what there is to read.
                if self.total.is_some_and(|total| self.done > total) {
                    bar.set_length(self.done);
                }
                bar.set_position(self.done);
            }
            None if self.done >= self.next_line => {
                self.next_line = self.done + LINE_BYTES;
                complain(&self.line());
            }
            None => {}
        }
    }

    fn line(&self) -> String {
        let (what, done) = (self.what, size(self.done));
        match self.total {
            Some(total) => format!("{what}: {done} of about {}", size(total.max(self.done))),
            None => format!("{what}: {done}"),
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn draw(what: &'static str, total: Option<u64>) -> ProgressBar {
    let target = ProgressDrawTarget::stderr();
    let (bar, template) = match total {
        Some(total) => (
            ProgressBar::with_draw_target(Some(total), target),
            "{msg} {wide_bar} {bytes} of about {total_bytes}, {eta} to go",
        ),
        None => (
            ProgressBar::with_draw_target(None, target),
            "{msg} {spinner} {bytes}, {bytes_per_sec}",
        ),
    };
    let style = ProgressStyle::with_template(template).expect("a template of ours");
    bar.with_style(style).with_message(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_it_is() {
        let mut bar = Bar { bar: None, what: "reading", done: 0, total: Some(100), next_line: 50 };
        bar.advance(40);
        assert_eq!(
            (bar.next_line, bar.line().as_str()),
            (50, "reading: 40 bytes of about 100 bytes")
        );
        bar.advance(80);
        assert_eq!(bar.next_line, 120 + LINE_BYTES);
        assert_eq!(bar.line(), "reading: 120 bytes of about 120 bytes");
    }
}
