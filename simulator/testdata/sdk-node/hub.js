'use strict';
// The simulator that the tests talk to, as one of Azure's own programs would: with connection
// strings, and a CA that Node trusts (NODE_EXTRA_CA_CERTS). Nothing in the SDKs is changed.

const assert = require('node:assert/strict');
const { Client: Device, ModuleClient } = require('azure-iot-device');
const { Mqtt, MqttWs } = require('azure-iot-device-mqtt');
const { Client: Service, ConnectionString, JobClient, Registry, SharedAccessSignature } = require('azure-iothub');

// TWINBOOK_SIMULATOR is the first line of `twinbook simulate --output json`.
const simulator = JSON.parse(process.env.TWINBOOK_SIMULATOR);
const entry = simulator.policies.iothubowner;

const registry = Registry.fromConnectionString(entry);
const service = Service.fromConnectionString(entry);
const jobs = JobClient.fromConnectionString(entry);

const host = ConnectionString.parse(entry).HostName;
const transports = { 'MQTT over TLS': Mqtt, 'MQTT over WebSocket': MqttWs };

// create makes an identity that ends with the test, and gives its connection string.
async function create(t, deviceId) {
  const { responseBody: identity } = await registry.create({ deviceId });
  t.after(() => registry.delete(deviceId).catch(() => {}));
  return connectionString(deviceId, identity);
}

function connectionString(deviceId, identity) {
  return `HostName=${host};DeviceId=${deviceId};SharedAccessKey=${identity.authentication.symmetricKey.primaryKey}`;
}

// connect opens a device's connection; it closes with the test.
async function connect(t, connectionString, transport = Mqtt) {
  const device = Device.fromConnectionString(connectionString, transport);
  await device.open();
  t.after(() => device.close().catch(() => {}));
  return device;
}

// onMethod handles a direct method, once the hub has granted the subscription.
async function onMethod(device, name, handle) {
  await new Promise((resolve, reject) => {
    const enabled = device._transport.enableMethods.bind(device._transport);
    device._transport.enableMethods = (done) => enabled((err) => { done(err); err ? reject(err) : resolve(); });
    device.onDeviceMethod(name, handle);
  });
}

// invoke calls a direct method and gives the device's {status, payload}.
async function invoke(deviceId, methodName, payload, more = {}) {
  const { result } = await service.invokeDeviceMethod(deviceId, { methodName, payload, ...more });
  return result;
}

// report sends a reported patch and waits for the hub's word on it.
function report(twin, patch) {
  return new Promise((resolve, reject) => twin.properties.reported.update(patch, (err) => err ? reject(err) : resolve()));
}

// collect keeps what an emitter says, for next to wait for.
function collect(emitter, event) {
  const heard = [];
  let wake = () => {};
  emitter.on(event, (x) => { heard.push(structuredClone(x)); wake(); });
  return async function next(what, fits = () => true) {
    const end = Date.now() + 20000;
    for (;;) {
      const i = heard.findIndex(fits);
      if (i >= 0) return heard.splice(i, 1)[0];
      const left = end - Date.now();
      assert.ok(left > 0, `no ${what}; heard ${JSON.stringify(heard)}`);
      await new Promise((resolve) => { wake = resolve; setTimeout(resolve, left).unref(); });
    }
  };
}

// until polls for a fact of the service, and gives what look gave when it held.
async function until(what, look, holds) {
  const end = Date.now() + 30000;
  for (;;) {
    const seen = await look();
    if (holds(seen)) return seen;
    assert.ok(Date.now() < end, `waited in vain until ${what}; last ${JSON.stringify(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

// extension calls an endpoint of twinbook's own, which Azure's REST API does not have.
async function extension(method, path, body) {
  const { SharedAccessKeyName: policy, SharedAccessKey: key } = ConnectionString.parse(entry);
  const token = SharedAccessSignature.create(host, policy, key, Math.floor(Date.now() / 1000) + 600).toString();
  const answer = await fetch(`https://${host}/twinbook/${path}`, {
    method, headers: { 'Authorization': token, 'Content-Type': 'application/json' }, body: body && JSON.stringify(body),
  });
  const text = await answer.text();
  assert.equal(answer.status, 200, `${method} ${path}: ${text}`);
  return JSON.parse(text);
}

module.exports = {
  ModuleClient, collect, connect, connectionString, create, extension, host, invoke, jobs, onMethod, registry, report, service, simulator, transports, until,
};
