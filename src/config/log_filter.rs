use super::value::{Range, Value, Written};

/// Which log lines are written: a level, or levels by module, as in `fulmar::net=debug,info`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFilter(String);

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

impl LogFilter {
    /// The directives as written; every one of them is a level or `module=level`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for LogFilter {
    fn default() -> Self {
        Self("info".into())
    }
}

impl Value for LogFilter {
    fn read(written: &Written<'_>, range: &Range) -> Result<Self, String> {
        let text = String::read(written, range)?;
        text.split(',').try_for_each(check_directive)?;
        Ok(Self(text))
    }

    fn show(&self) -> String {
        self.0.show()
    }

    fn allowed(_: &Range) -> String {
        "off, error, warn, info, debug, trace".into()
    }
}

/// The subscriber would read a misspelt level as the name of a module and log all of it.
fn check_directive(directive: &str) -> Result<(), String> {
    let (module, level) = directive.rsplit_once('=').unwrap_or(("fulmar", directive));
    let plain = |c: char| c.is_ascii_alphanumeric() || c == ':' || c == '_';
    if module.is_empty() || !module.chars().all(plain) {
        return Err(format!("{module:?} is not a module, as in \"fulmar::net=debug,info\""));
    }
    if !LEVELS.contains(&level) {
        return Err(format!("{level:?} is not a level ({})", LEVELS.join(", ")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<LogFilter, String> {
        LogFilter::read(&Written::Text(text), &None)
    }

    #[test]
    fn levels_stand_alone_or_behind_a_module() {
        for text in ["info", "off", "fulmar::net=debug,info", "warn,fulmar::server::log=trace"] {
            assert_eq!(read(text).as_ref().map(LogFilter::as_str), Ok(text));
        }
    }

    #[test]
    fn a_misspelt_level_is_named() {
        let levels = "(off, error, warn, info, debug, trace)";
        assert_eq!(read("inof"), Err(format!("\"inof\" is not a level {levels}")));
        assert_eq!(read("info,"), Err(format!("\"\" is not a level {levels}")));
        assert_eq!(read("fulmar::net=loud,info"), Err(format!("\"loud\" is not a level {levels}")));
    }

    #[test]
    fn a_module_is_a_path() {
        let error = "\"ful mar\" is not a module, as in \"fulmar::net=debug,info\"";
        assert_eq!(read("ful mar=info"), Err(error.into()));
        assert_eq!(
            read("=info"),
            Err("\"\" is not a module, as in \"fulmar::net=debug,info\"".into())
        );
    }
}
