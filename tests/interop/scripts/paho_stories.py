"""Stories of paho-mqtt: paho_stories.py STORY PORT PROTOCOL (mqttv311 or mqttv5)."""

import os
import queue
import socket
import sys
import threading

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

DEADLINE_S = 25
STORY, PORT, PROTOCOL = sys.argv[1], int(sys.argv[2]), sys.argv[3]
V5 = PROTOCOL == "mqttv5"
# Mosquitto 2.0.11 closes a connection that is taken over without a DISCONNECT.
TELLS_REASONS = os.environ.get("FULMAR_TEST_BROKER") != "mosquitto"


def each_qos_makes_the_round_trip():
    client = Peer("traveller").connect()
    client.subscribe("trip/#", 2)

    for qos in (0, 1, 2):
        client.publish(f"trip/{qos}", bytes(range(256)), qos)
        message = client.next_message()
        assert_equal((message.topic, message.payload, message.qos),
                     (f"trip/{qos}", bytes(range(256)), qos))


def a_session_is_present_after_a_disconnect():
    first = Peer("sleeper", persistent=True).connect()
    assert_equal(first.session_present, False)
    first.subscribe("queue", 2)
    first.disconnect()

    sender = Peer("sender").connect()
    for n in range(20):
        sender.publish("queue", str(n), 1 + n % 2)

    second = Peer("sleeper", persistent=True).connect()
    assert_equal(second.session_present, True)
    # Each QoS keeps its order; the two may pass each other.
    messages = [second.next_message() for _ in range(20)]
    for qos in (1, 2):
        payloads = [int(m.payload) for m in messages if m.qos == qos]
        assert_equal(payloads, list(range(qos - 1, 20, 2)))


def the_loop_reconnects_after_a_cut():
    client = Peer("phone", persistent=True).connect()
    client.subscribe("news", 1)
    sender = Peer("sender").connect()

    client.cut()
    sender.publish("news", "while away", 1)

    client.await_connected()
    assert_equal(client.session_present, True)
    assert_equal(client.next_message().payload, b"while away")


def a_second_client_takes_over():
    first = Peer("twin", reconnect=False).connect()
    second = Peer("twin").connect()

    reason = first.await_disconnected()
    if V5 and TELLS_REASONS:
        assert_equal(reason.value, 0x8E)
    second.subscribe("still/here", 1)
    second.publish("still/here", "yes", 1)
    assert_equal(second.next_message().payload, b"yes")


def a_lost_client_leaves_its_will():
    watcher = Peer("watcher").connect()
    watcher.subscribe("will/#", 2)
    client = Peer("mortal", reconnect=False)
    client.mqtt.will_set("will/mortal", b"gone", qos=2, retain=True)
    client.connect()

    client.cut()

    message = watcher.next_message()
    assert_equal((message.topic, message.payload, message.qos), ("will/mortal", b"gone", 2))


def an_unsubscribed_topic_is_silent():
    client = Peer("reader").connect()
    client.subscribe("gone", 1)
    client.subscribe("kept", 1)

    client.unsubscribe("gone")
    client.publish("gone", "x", 1)
    client.publish("kept", "x", 1)

    assert_equal(client.next_message().topic, "kept")


def a_burst_arrives_in_order():
    reader = Peer("reader").connect()
    reader.subscribe("burst", 2)
    sender = Peer("sender").connect()

    sent = [sender.mqtt.publish("burst", str(n), 2) for n in range(300)]
    for info in sent:
        info.wait_for_publish(DEADLINE_S)
        assert info.is_published(), f"message {info.mid} is not acknowledged"

    payloads = [int(reader.next_message().payload) for _ in range(300)]
    assert_equal(payloads, list(range(300)))


def the_properties_of_a_message_arrive():
    client = Peer("full").connect()
    subscribe = Properties(PacketTypes.SUBSCRIBE)
    subscribe.SubscriptionIdentifier = 77
    client.subscribe("full", SubscribeOptions(qos=1), properties=subscribe)
    sent = Properties(PacketTypes.PUBLISH)
    sent.PayloadFormatIndicator = 1
    sent.MessageExpiryInterval = 600
    sent.ContentType = "text/plain"
    sent.ResponseTopic = "answers"
    sent.CorrelationData = bytes(range(256))
    sent.UserProperty = [("b", "one"), ("a", "two"), ("b", "three")]

    client.publish("full", "grüße", 1, properties=sent)

    got = client.next_message().properties
    assert_equal(got.PayloadFormatIndicator, 1)
    assert 0 < got.MessageExpiryInterval <= 600, got.MessageExpiryInterval
    assert_equal(got.ContentType, "text/plain")
    assert_equal(got.ResponseTopic, "answers")
    assert_equal(got.CorrelationData, bytes(range(256)))
    assert_equal(got.UserProperty, [("b", "one"), ("a", "two"), ("b", "three")])
    assert_equal(got.SubscriptionIdentifier, [77])


def no_local_keeps_a_client_from_hearing_itself():
    client = Peer("speaker").connect()
    client.subscribe("talk", SubscribeOptions(qos=1, noLocal=True))
    other = Peer("other").connect()

    client.publish("talk", "mine", 1)
    other.publish("talk", "theirs", 1)

    assert_equal(client.next_message().payload, b"theirs")


def retain_as_published_keeps_the_flag():
    client = Peer("bridge").connect()
    client.subscribe("flag/kept", SubscribeOptions(qos=1, retainAsPublished=True))
    client.subscribe("flag/dropped", SubscribeOptions(qos=1, retainAsPublished=False))

    for topic, flag in (("flag/kept", True), ("flag/dropped", False)):
        client.publish(topic, "x", 1, retain=True)
        message = client.next_message()
        assert_equal((message.topic, message.retain), (topic, flag))


def retain_handling_says_what_is_replayed():
    client = Peer("reader").connect()
    client.publish("state/a", "old", 1, retain=True)
    always, when_new, never = (SubscribeOptions(qos=1, retainHandling=n) for n in (0, 1, 2))

    assert_equal(client.replayed("state/a", when_new), True)
    assert_equal(client.replayed("state/a", when_new), False)
    assert_equal(client.replayed("state/a", always), True)
    assert_equal(client.replayed("state/a", never), False)


def a_client_without_a_name_gets_one():
    client = Peer("").connect()
    assert client.connack.AssignedClientIdentifier, client.connack
    client.disconnect()


def the_reasons_tell_what_happened():
    client = Peer("curious").connect()

    granted = client.subscribe("reasons/a", 1)
    removed = client.unsubscribe("reasons/a")
    unknown = client.unsubscribe("reasons/a")

    assert_equal([code.value for code in granted], [1])
    assert_equal([code.value for code in removed], [0x00])
    assert_equal([code.value for code in unknown], [0x11])


class Peer:
    """A client with its loop in a thread, and a queue for each thing that can be waited for."""

    def __init__(self, client_id, persistent=False, reconnect=True):
        self.persistent = persistent
        clean = {} if V5 else {"clean_session": not persistent}
        self.mqtt = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id=client_id,
            protocol=mqtt.MQTTv5 if V5 else mqtt.MQTTv311,
            reconnect_on_failure=reconnect, **clean)
        self.mqtt.reconnect_delay_set(min_delay=1, max_delay=1)
        self.mqtt.on_connect = self.on_connect
        self.mqtt.on_disconnect = lambda c, u, f, reason, p: self.put("disconnected", reason)
        self.mqtt.on_message = lambda c, u, message: self.put("message", message)
        self.mqtt.on_subscribe = lambda c, u, mid, codes, p: self.put(f"suback {mid}", codes)
        self.mqtt.on_unsubscribe = lambda c, u, mid, codes, p: self.put(f"unsuback {mid}", codes)
        self.lock = threading.Lock()
        self.queues = {}

    def connect(self):
        properties = None
        if V5:
            properties = Properties(PacketTypes.CONNECT)
            properties.SessionExpiryInterval = 3600 if self.persistent else 0
        clean = {"clean_start": not self.persistent} if V5 else {}
        self.mqtt.connect("127.0.0.1", PORT, keepalive=60, properties=properties, **clean)
        self.mqtt.loop_start()
        self.await_connected()
        return self

    def on_connect(self, _client, _userdata, flags, reason, properties):
        self.put("connected", (flags, reason, properties))

    def await_connected(self):
        flags, reason, self.connack = self.get("connected")
        assert not reason.is_failure, reason
        self.session_present = flags.session_present

    def await_disconnected(self):
        return self.get("disconnected")

    def disconnect(self):
        self.mqtt.disconnect()
        self.await_disconnected()
        self.mqtt.loop_stop()

    def cut(self):
        self.mqtt.socket().shutdown(socket.SHUT_RDWR)

    def subscribe(self, topic, options, properties=None):
        wanted = {"options": options} if isinstance(options, SubscribeOptions) else {"qos": options}
        result, mid = self.mqtt.subscribe(topic, properties=properties, **wanted)
        assert_equal(result, mqtt.MQTT_ERR_SUCCESS)
        codes = self.get(f"suback {mid}")
        assert not any(code.is_failure for code in codes), codes
        return codes

    def unsubscribe(self, topic):
        result, mid = self.mqtt.unsubscribe(topic)
        assert_equal(result, mqtt.MQTT_ERR_SUCCESS)
        return self.get(f"unsuback {mid}")

    def publish(self, topic, payload, qos, **more):
        info = self.mqtt.publish(topic, payload, qos, **more)
        info.wait_for_publish(DEADLINE_S)
        assert info.is_published(), f"{topic} {payload!r} is not acknowledged"

    def replayed(self, topic, options):
        """Whether subscribing replays the retained message; a live message ends the look."""
        self.subscribe(topic, options)
        self.subscribe("end", 1)
        self.publish("end", "x", 1)
        first = self.next_message()
        if first.topic == "end":
            return False
        assert_equal((first.topic, first.retain), (topic, True))
        assert_equal(self.next_message().topic, "end")
        return True

    def next_message(self):
        return self.get("message")

    def put(self, what, value):
        self.queue_of(what).put(value)

    def get(self, what):
        try:
            return self.queue_of(what).get(timeout=DEADLINE_S)
        except queue.Empty:
            raise AssertionError(f"{what}: nothing came within {DEADLINE_S} s") from None

    def queue_of(self, what):
        with self.lock:
            return self.queues.setdefault(what, queue.Queue())


def assert_equal(got, expected):
    assert got == expected, f"{got!r} is not {expected!r}"


globals()[STORY]()
