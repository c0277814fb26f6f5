//! Shared subscriptions: the members of a group divide the work.

use super::with_stage;
use crate::peer::Peer;
use crate::stage::Stage;

#[test]
fn each_message_goes_to_one_member() {
    with_stage(|stage| {
        let member = || stage.subscribe_as("%p", "-V mqttv5 -q 1 -t $share/crew/jobs");
        let members = [member(), member(), member()];
        let witness = stage.subscribe_as("%p", "-V mqttv5 -q 1 -t jobs");
        let jobs: String = (100..160).map(|n| format!("{n}\n")).collect();

        stage.publish_input("-V mqttv5 -t jobs -q 1 -l", jobs.as_bytes());
        witness.await_messages(60);
        for member in &members {
            member.await_messages(1);
        }

        let mut done = await_jobs(stage, &members, 60);
        done.sort();
        assert_eq!(done.join("\n") + "\n", jobs);
    });
}

#[test]
fn each_group_gets_its_own_copy() {
    with_stage(|stage| {
        let crew = stage.subscribe("-V mqttv5 -q 1 -t $share/crew/jobs/+");
        let audit = stage.subscribe("-V mqttv5 -q 1 -t $share/audit/jobs/#");
        let plain = stage.subscribe("-V mqttv5 -q 1 -t jobs/1");

        stage.publish("-V mqttv5 -t jobs/1 -m x -q 1");

        for subscriber in [crew, audit, plain] {
            assert_eq!(subscriber.await_messages(1), ["jobs/1 x"]);
        }
    });
}

#[test]
fn a_member_that_goes_leaves_the_work_to_the_others() {
    with_stage(|stage| {
        let mut leaver = stage.subscribe_as("%p", "-V mqttv5 -q 1 -t $share/crew/jobs");
        let stayer = stage.subscribe_as("%p", "-V mqttv5 -q 1 -t $share/crew/jobs");
        leaver.terminate();
        leaver.await_exit();

        stage.publish_input("-V mqttv5 -t jobs -q 1 -l", b"1\n2\n3\n4\n");

        assert_eq!(stayer.await_messages(4), ["1", "2", "3", "4"]);
    });
}

/// Waits until the members have `count` messages between them.
fn await_jobs(stage: &Stage, members: &[Peer], count: usize) -> Vec<String> {
    stage.poll(&format!("{count} jobs among the members"), || {
        let done: Vec<String> = members.iter().flat_map(Peer::messages).collect();
        (done.len() >= count).then_some(done)
    })
}
