use std::io::Write;
use std::net::IpAddr;
use std::process::ExitCode;

use crate::auth::Action;
use crate::auth::rules::{Decision, Rules, Subject};
use crate::config::{self, Config, Loaded};
use crate::identity::read_rules;
use crate::request::{Identity, Origin};
use crate::types::{ClientId, Filter, topic};

/// What a client may do: with one of the three topics, who decides is printed instead of the
/// configuration, and the exit code is 0 if it is allowed and 1 if not.
#[derive(clap::Args)]
pub(super) struct Question {
    /// May a client with this user name ...; without it, one that has none.
    #[arg(long = "as", value_name = "USER")]
    username: Option<String>,
    /// ... and this client identifier,
    #[arg(long, value_name = "ID", default_value = "client")]
    client: String,
    /// ... in this group, of which there may be several,
    #[arg(long, value_name = "GROUP")]
    group: Vec<String>,
    /// ... from this address,
    #[arg(long, value_name = "IP")]
    address: Option<IpAddr>,
    /// ... with a certificate of this common name
    #[arg(long, value_name = "NAME")]
    common_name: Option<String>,
    #[command(flatten)]
    wanted: Wanted,
}

#[derive(clap::Args)]
#[group(multiple = false)]
struct Wanted {
    /// ... publish to this topic?
    #[arg(long, value_name = "TOPIC")]
    publish: Option<String>,
    /// ... receive messages of this topic?
    #[arg(long, value_name = "TOPIC")]
    receive: Option<String>,
    /// ... subscribe to this topic filter?
    #[arg(long, value_name = "FILTER")]
    subscribe: Option<String>,
}

/// No answer can be given.
const EXIT_MISTAKE: u8 = 2;

/// Prints who decides; without a topic the configuration in effect on standard output and its
/// warnings on standard error.
pub(super) fn run(loaded: &Loaded, question: &Question) -> ExitCode {
    for warning in &loaded.warnings {
        let _ = writeln!(std::io::stderr(), "warning: {warning}");
    }
    let config = &loaded.config;
    let rules = match read_rules(config.acl.file.as_deref(), &config.acl_rules) {
        Ok(rules) => rules,
        Err(error) => return refuse(&error.to_string()),
    };
    match question.wanted.action() {
        None => print(&config::effective(loaded)),
        Some(Err(mistake)) => refuse(&mistake),
        Some(Ok((action, topic))) => {
            let answer = explain(&rules, &question.subject(), action, &topic);
            warn_of_others(config, action);
            answer
        }
    }
}

/// A reader that has gone away has seen enough.
pub(super) fn print(text: &str) -> ExitCode {
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn refuse(mistake: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "{mistake}");
    ExitCode::from(EXIT_MISTAKE)
}

fn explain(rules: &Rules, subject: &Subject, action: Action, topic: &str) -> ExitCode {
    let decision = rules.decide(subject, action, topic);
    let verdict = if decision.is_allowed() { "allowed" } else { "denied" };
    let reason = match decision {
        Decision::NoRules => "there are no rules".into(),
        Decision::NoRuleFits => "no rule fits".into(),
        Decision::Grant(filter) => format!("by {filter} in its credentials"),
        Decision::Rule(rule, None) => format!("by {}", rule.place),
        Decision::Rule(rule, Some(pattern)) => format!("by {} ({pattern})", rule.place),
    };
    print(&format!("{verdict}: {reason}\n"));
    if decision.is_allowed() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The rules are not the only ones that have to allow it.
fn warn_of_others(config: &Config, action: Action) {
    let url = &config.auth.http_access_url;
    if !url.is_empty() && action != Action::Receive {
        let _ = writeln!(std::io::stderr(), "warning: {url} has to allow it, too");
    }
}

impl Question {
    fn subject(&self) -> Subject {
        let identity = Identity {
            username: self.username.clone(),
            groups: self.group.clone(),
            ..Identity::default()
        };
        let origin = Origin {
            address: self.address,
            certificate: self.common_name.is_some(),
            common_name: self.common_name.as_deref().map(Box::from),
        };
        Subject { client_id: ClientId::new(&self.client), identity, origin }
    }
}

impl Wanted {
    fn action(&self) -> Option<Result<(Action, String), String>> {
        let name = |action, name: &String| match topic::is_valid_name(name) {
            true => Ok((action, name.clone())),
            false => Err(format!("{name:?} is no topic name")),
        };
        let filter = |filter: &String| match Filter::parse(filter, true) {
            Ok(filter) => Ok((Action::Subscribe, filter.topic_filter().to_owned())),
            Err(error) => Err(format!("{filter:?} is no topic filter: {error}")),
        };
        let publish = self.publish.as_ref().map(|topic| name(Action::Publish, topic));
        let receive = self.receive.as_ref().map(|topic| name(Action::Receive, topic));
        publish.or(receive).or_else(|| self.subscribe.as_ref().map(filter))
    }
}
