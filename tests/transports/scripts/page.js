// Stories of MQTT.js in a page: page.html?story=STORY&url=URL. What came of it is posted to /done.
'use strict';

const asked = new URLSearchParams(location.search);
const url = asked.get('url');

// A client that does not try again by itself.
function connect(protocolVersion) {
  return mqtt.connectAsync(url, { reconnectPeriod: 0, protocolVersion }, false);
}

function same(found, expected) {
  const [one, other] = [JSON.stringify(found), JSON.stringify(expected)];
  if (one !== other) throw new Error(`${one} instead of ${other}`);
}

// The next so many messages, as [topic, payload, QoS, retain].
function messages(client, count) {
  const arrived = [];
  return new Promise((resolve) => {
    client.on('message', (topic, payload, { qos, retain }) => {
      arrived.push([topic, payload.toString(), qos, retain]);
      if (arrived.length === count) resolve(arrived);
    });
  });
}

const stories = {
  // At each QoS what is published comes back; what is retained comes to whoever subscribes later.
  async exchange() {
    for (const version of [4, 5]) {
      const [live, kept] = [`live/${version}`, `kept/${version}`];
      const client = await connect(version);
      await client.subscribeAsync(live, { qos: 2 });
      const arriving = messages(client, 3);
      for (const qos of [0, 1, 2]) await client.publishAsync(live, `at ${qos}`, { qos });
      same(await arriving, [0, 1, 2].map((qos) => [live, `at ${qos}`, qos, false]));

      await client.publishAsync(kept, 'kept', { qos: 1, retain: true });
      await client.endAsync();
      const later = await connect(version);
      const retained = messages(later, 1);
      await later.subscribeAsync(kept, { qos: 1 });
      same(await retained, [[kept, 'kept', 1, true]]);
      await later.endAsync();
    }
    return 'exchanged';
  },

  async refused() {
    const refused = await connect(5).then(() => false, () => true);
    return refused ? 'refused' : 'connected';
  },
};

function tell(outcome) {
  return fetch('/done', { method: 'POST', body: outcome });
}

const late = new Promise((_, reject) => {
  setTimeout(() => reject(new Error('it took too long')), 20000);
});
Promise.race([stories[asked.get('story')](), late]).then(tell, (error) => tell(`${error}`));
