"""Connects with a token as password and prints what came of it: paho_token.py PORT PROTOCOL USER TOKEN."""

import sys
import threading

import paho.mqtt.client as mqtt

PORT, PROTOCOL, USER, TOKEN = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]

answered = threading.Event()


def on_connect(client, _userdata, _flags, reason, _properties):
    print(reason)
    answered.set()
    client.disconnect()


version = mqtt.MQTTv5 if PROTOCOL == "mqttv5" else mqtt.MQTTv311
client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="paho", protocol=version)
client.username_pw_set(USER, TOKEN)
client.on_connect = on_connect
client.connect("127.0.0.1", PORT)
client.loop_start()
if not answered.wait(25):
    sys.exit("no answer")
client.loop_stop()
