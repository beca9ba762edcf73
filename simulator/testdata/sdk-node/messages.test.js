'use strict';
// Messages both ways. The service's SDK has AMQP only for them, so the service's end here is
// twinbook's own HTTP endpoint.

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { Client: Device, Message } = require('azure-iot-device');
const { collect, connect, create, extension, registry, transports, until } = require('./hub');

const cloudCount = async (id) => (await registry.get(id)).responseBody.cloudToDeviceMessageCount;

for (const [name, transport] of Object.entries(transports)) {
  describe(`messages over ${name}`, { concurrency: true }, () => {
    const id = (what) => `message-${what}-${transport.name}`;

    it('telemetry arrives with its properties', async (t) => {
      const device = await connect(t, await create(t, id('up')), transport);
      const message = new Message(JSON.stringify({ temperature: 21.5 }));
      Object.assign(message, { messageId: 'm-1', correlationId: 'c/1', contentType: 'application/json', contentEncoding: 'utf-8' });
      message.properties.add('level', 'too hot & humid');
      message.properties.add('ä=?', '');
      await device.sendEvent(message);
      await device.sendEvent(new Message('plain'));
      const { messages } = await extension('GET', `telemetry/${id('up')}?wait=10`);
      const [first] = messages;
      assert.equal(first.deviceId, id('up'));
      assert.deepEqual(JSON.parse(first.body), { temperature: 21.5 });
      assert.deepEqual(first.properties, { 'level': 'too hot & humid', 'ä=?': '' });
      const { next } = await extension('GET', `telemetry/${id('up')}?wait=10`);
      await device.sendEvent(new Message('later'));
      const rest = await extension('GET', `telemetry/${id('up')}?wait=10&after=${encodeURIComponent(next)}`);
      assert.deepEqual(rest.messages.map((m) => m.body), ['later']);
    });

    it('a message from the cloud is completed once it is there', async (t) => {
      const entry = await create(t, id('down'));
      const device = await connect(t, entry, transport);
      const next = collect(device, 'message');
      await extension('POST', `messages/${id('down')}`, { messageId: 'n-1', body: 'hello ä', properties: { 'k 1': 'v&=%', empty: '' } });
      const got = await next('message');
      assert.equal(Buffer.from(got.data).toString(), 'hello ä');
      assert.equal(got.messageId, 'n-1');
      assert.equal(got.to, `/devices/${id('down')}/messages/deviceBound`);
      const own = got.properties.propertyList.filter((p) => !p.key.startsWith('iothub'));
      assert.deepEqual(Object.fromEntries(own.map((p) => [p.key, p.value])), { 'k 1': 'v&=%', empty: '' });
      await until('the message is completed', () => cloudCount(id('down')), (n) => n === 0);
    });

    it('a message waits for a device that was there before', async (t) => {
      const entry = await create(t, id('queue'));
      const before = await connect(t, entry, transport);
      const hears = collect(before, 'message');
      await extension('POST', `messages/${id('queue')}`, { body: 'now' });
      await hears('message');
      await until('it is completed', () => cloudCount(id('queue')), (n) => n === 0);
      await before.close();
      await extension('POST', `messages/${id('queue')}`, { body: 'one' });
      await extension('POST', `messages/${id('queue')}`, { body: 'two' });
      assert.equal(await cloudCount(id('queue')), 2);
      // The hub sends what waits as soon as the device is there, so it listens before it connects.
      const device = Device.fromConnectionString(entry, transport);
      t.after(() => device.close().catch(() => {}));
      const next = collect(device, 'message');
      assert.equal(Buffer.from((await next('first message')).data).toString(), 'one');
      assert.equal(Buffer.from((await next('second message')).data).toString(), 'two');
      await until('both are completed', () => cloudCount(id('queue')), (n) => n === 0);
    });
  });
}
