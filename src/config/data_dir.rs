use std::path::PathBuf;

/// Where data is kept unless it is configured: where a service manager has made place for it
/// (`STATE_DIRECTORY`, systemd.exec(5)), else `/var/lib/fulmar` for root, else in the user's state
/// directory (`XDG_STATE_HOME`, `~/.local/state`), else `./data`.
///
/// `variable` looks up the environment; a relative path in it does not count.
pub fn platform_data_dir(is_root: bool, variable: impl Fn(&str) -> Option<String>) -> PathBuf {
    let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    // Several are separated by colons; the first is as good as any.
    let service = variable("STATE_DIRECTORY").and_then(|all| Some(all.split(':').next()?.into()));
    if let Some(service) = service.filter(|path: &PathBuf| path.is_absolute()) {
        return service;
    }
    if is_root {
        return PathBuf::from("/var/lib/fulmar");
    }
    let state =
        absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local").join("state")));
    state.map_or_else(|| PathBuf::from("./data"), |state| state.join("fulmar"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_keeps_it_where_its_manager_says() {
        let environment = [("STATE_DIRECTORY", "/var/lib/mqtt:/var/lib/other"), ("HOME", "/")];
        assert_eq!(data_dir(true, &environment), "/var/lib/mqtt");
        assert_eq!(data_dir(false, &environment), "/var/lib/mqtt");
        assert_eq!(data_dir(true, &[("STATE_DIRECTORY", "")]), "/var/lib/fulmar");
    }

    #[test]
    fn root_keeps_its_data_with_the_system() {
        let environment = [("HOME", "/root"), ("XDG_STATE_HOME", "/root/state")];
        assert_eq!(data_dir(true, &environment), "/var/lib/fulmar");
    }

    #[test]
    fn a_user_keeps_it_in_the_state_directory() {
        let environment = [("HOME", "/home/ada"), ("XDG_STATE_HOME", "/state")];
        assert_eq!(data_dir(false, &environment), "/state/fulmar");
        assert_eq!(data_dir(false, &environment[..1]), "/home/ada/.local/state/fulmar");
    }

    #[test]
    fn without_a_home_it_stays_where_the_broker_was_started() {
        assert_eq!(data_dir(false, &[]), "./data");
        assert_eq!(data_dir(false, &[("HOME", ""), ("XDG_STATE_HOME", "state")]), "./data");
    }

    fn data_dir(is_root: bool, environment: &[(&str, &str)]) -> String {
        let variable = |name: &str| {
            environment.iter().find(|(other, _)| *other == name).map(|(_, value)| value.to_string())
        };
        platform_data_dir(is_root, variable).display().to_string()
    }
}
