// Stories of MQTT.js: mqttjs_stories.cjs STORY PORT PROTOCOL (mqttv311 or mqttv5)
'use strict'

const assert = require('node:assert/strict')
const { once } = require('node:events')
const mqtt = require('mqtt')

const [story, port, protocol] = process.argv.slice(2)
const v5 = protocol === 'mqttv5'
// Mosquitto 2.0.11 closes a connection that is taken over without a DISCONNECT.
const tellsReasons = process.env.FULMAR_TEST_BROKER !== 'mosquitto'
const deadlineMs = 25_000

const stories = {
  async each_qos_makes_the_round_trip () {
    const client = await connect({ clientId: 'traveller' })
    await client.subscribeAsync('trip/#', { qos: 2 })
    const payload = Buffer.from(Array.from({ length: 256 }, (_, n) => n))

    for (const qos of [0, 1, 2]) {
      await client.publishAsync(`trip/${qos}`, payload, { qos })
      const message = await client.inbox.next()
      assert.equal(message.topic, `trip/${qos}`)
      assert.deepEqual(message.payload, payload)
      assert.equal(message.packet.qos, qos)
    }
  },

  async a_session_survives_a_reconnect () {
    const client = await connect({ clientId: 'phone', clean: false, reconnectPeriod: 100, ...lasting })
    assert.equal(client.connack.sessionPresent, false)
    await client.subscribeAsync('news', { qos: 2 })
    const sender = await connect({ clientId: 'sender' })

    client.stream.destroy()
    await once(client, 'close')
    await sender.publishAsync('news', 'while away', { qos: 2 })

    const message = await client.inbox.next()
    assert.equal(message.payload.toString(), 'while away')
    assert.equal(client.connack.sessionPresent, true)
  },

  async a_lost_client_leaves_its_will () {
    const watcher = await connect({ clientId: 'watcher' })
    await watcher.subscribeAsync('will/#', { qos: 2 })
    const will = { topic: 'will/mortal', payload: Buffer.from('gone'), qos: 2, retain: false }
    const mortal = await connect({ clientId: 'mortal', will })

    mortal.stream.destroy()

    const message = await watcher.inbox.next()
    assert.equal(message.topic, 'will/mortal')
    assert.equal(message.payload.toString(), 'gone')
    assert.equal(message.packet.qos, 2)
  },

  async a_second_client_takes_over () {
    const first = await connect({ clientId: 'twin' })
    const closed = once(first, 'close')
    let reason
    first.on('disconnect', packet => { reason = packet.reasonCode })

    const second = await connect({ clientId: 'twin' })

    await closed
    if (v5 && tellsReasons) assert.equal(reason, 0x8e)
    await second.subscribeAsync('still/here', { qos: 1 })
    await second.publishAsync('still/here', 'yes', { qos: 1 })
    assert.equal((await second.inbox.next()).payload.toString(), 'yes')
  },

  async pings_keep_the_connection () {
    const client = await connect({ clientId: 'quiet', keepalive: 1, reschedulePings: false })
    let pings = 0
    await new Promise((resolve, reject) => {
      client.on('close', () => reject(new Error(`closed after ${pings} pings`)))
      client.on('packetreceive', packet => {
        if (packet.cmd === 'pingresp' && ++pings === 3) resolve()
      })
    })
  },

  async a_burst_arrives_in_order () {
    const reader = await connect({ clientId: 'reader' })
    await reader.subscribeAsync('burst', { qos: 2 })
    const sender = await connect({ clientId: 'sender' })
    const numbers = Array.from({ length: 300 }, (_, n) => n)

    // MQTT.js does not count what it has in flight against the broker's receive maximum.
    for (let start = 0; start < numbers.length; start += 20) {
      const window = numbers.slice(start, start + 20)
      await Promise.all(window.map(n => sender.publishAsync('burst', String(n), { qos: 2 })))
    }

    const payloads = []
    while (payloads.length < numbers.length) {
      payloads.push(Number((await reader.inbox.next()).payload))
    }
    assert.deepEqual(payloads, numbers)
  },

  // MQTT.js does not count what it has in flight against the broker's receive maximum: at QoS 1 the
  // broker answers as it reads, and nobody need notice.
  async a_burst_above_the_receive_maximum_is_taken_at_qos_1 () {
    const reader = await connect({ clientId: 'reader' })
    await reader.subscribeAsync('burst', { qos: 1 })
    const sender = await connect({ clientId: 'sender' })
    const numbers = Array.from({ length: 300 }, (_, n) => n)

    await Promise.all(numbers.map(n => sender.publishAsync('burst', String(n), { qos: 1 })))

    const payloads = []
    while (payloads.length < numbers.length) {
      payloads.push(Number((await reader.inbox.next()).payload))
    }
    assert.deepEqual(payloads, numbers)
  },

  async topic_aliases_work_in_both_directions () {
    const properties = { topicAliasMaximum: 10 }
    const client = await connect({ clientId: 'short', autoAssignTopicAlias: true, properties })
    assert.ok(client.connack.properties.topicAliasMaximum > 0)
    await client.subscribeAsync('a/long/name', { qos: 1 })

    for (const payload of ['one', 'two', 'three']) {
      await client.publishAsync('a/long/name', payload, { qos: 1 })
      const message = await client.inbox.next()
      assert.equal(message.topic, 'a/long/name')
      assert.equal(message.payload.toString(), payload)
    }
  },

  async the_properties_of_a_message_arrive () {
    const client = await connect({ clientId: 'full' })
    await client.subscribeAsync('full', { qos: 1, properties: { subscriptionIdentifier: 77 } })
    const properties = {
      payloadFormatIndicator: true,
      contentType: 'text/plain',
      responseTopic: 'answers',
      correlationData: Buffer.from([0, 1, 255]),
      userProperties: { b: ['one', 'three'], a: 'two' }
    }

    await client.publishAsync('full', 'x', { qos: 1, properties })

    const got = (await client.inbox.next()).packet.properties
    assert.equal(got.payloadFormatIndicator, true)
    assert.equal(got.contentType, 'text/plain')
    assert.equal(got.responseTopic, 'answers')
    assert.deepEqual(got.correlationData, Buffer.from([0, 1, 255]))
    assert.deepEqual({ ...got.userProperties }, { b: ['one', 'three'], a: 'two' })
    assert.equal(got.subscriptionIdentifier, 77)
  }
}

const lasting = v5 ? { properties: { sessionExpiryInterval: 3600 } } : {}

// A client that does not reconnect unless told to, with its CONNACK and an inbox.
async function connect (options) {
  const client = mqtt.connect({
    host: '127.0.0.1',
    port: Number(port),
    protocolVersion: v5 ? 5 : 4,
    reconnectPeriod: 0,
    ...options
  })
  client.inbox = new Inbox()
  client.on('message', (topic, payload, packet) => client.inbox.put({ topic, payload, packet }))
  client.on('connect', connack => { client.connack = connack })
  // A lost connection shows as an error here and there; each story says what it waits for.
  client.on('error', error => console.error(`${options.clientId}: ${error.message}`))
  await once(client, 'connect')
  return client
}

class Inbox {
  #messages = []
  #readers = []

  put (message) {
    const reader = this.#readers.shift()
    if (reader) reader(message)
    else this.#messages.push(message)
  }

  async next () {
    if (this.#messages.length > 0) return this.#messages.shift()
    return new Promise(resolve => this.#readers.push(resolve))
  }
}

setTimeout(() => {
  console.error(`${story}: not at its end within ${deadlineMs} ms`)
  process.exit(1)
}, deadlineMs)

stories[story]().then(() => process.exit(0), error => {
  console.error(error)
  process.exit(1)
})
