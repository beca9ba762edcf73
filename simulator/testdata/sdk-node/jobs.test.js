'use strict';
// Jobs over several devices, now and later.

const assert = require('node:assert/strict');
const { randomUUID } = require('node:crypto');
const { describe, it } = require('node:test');
const { connect, create, jobs, onMethod, registry, until } = require('./hub');

const state = async (id) => (await jobs.getJob(id)).jobStatus;
const ended = (id) => until('the job ends', () => state(id), (job) => ['completed', 'failed', 'cancelled'].includes(job.status));

describe('jobs', { concurrency: true }, () => {
  it('a twin update for all that a condition selects', async (t) => {
    for (const n of [1, 2]) {
      await create(t, `job-twin-${n}`);
      await registry.updateTwin(`job-twin-${n}`, { tags: { job: 'twin' } }, '*');
    }
    const id = randomUUID();
    const { jobStatus: made } = await jobs.scheduleTwinUpdate(id, "tags.job = 'twin'", { etag: '*', tags: { done: true }, properties: { desired: { level: 5 } } }, new Date(), 300);
    assert.equal(made.jobId, id);
    assert.equal(made.type, 'scheduleUpdateTwin');
    const job = await ended(id);
    assert.equal(job.status, 'completed');
    assert.equal(job.deviceJobStatistics.succeededCount, 2);
    assert.ok(Date.parse(job.endTime) >= Date.parse(job.startTime));
    const { responseBody: twin } = await registry.getTwin('job-twin-2');
    assert.equal(twin.tags.done, true);
    assert.equal(twin.properties.desired.level, 5);
  });

  it('a method for two devices, one of them away', async (t) => {
    const device = await connect(t, await create(t, 'job-there'));
    await onMethod(device, 'count', (request, response) => response.send(201, request.payload));
    await create(t, 'job-away');
    const id = randomUUID();
    await jobs.scheduleDeviceMethod(id, "deviceId IN ['job-there', 'job-away']", { methodName: 'count', payload: { n: 1 }, responseTimeoutInSeconds: 5 }, new Date(), 300);
    const job = await ended(id);
    assert.equal(job.status, 'completed');
    const { deviceCount, succeededCount, failedCount } = job.deviceJobStatistics;
    assert.deepEqual({ deviceCount, succeededCount, failedCount }, { deviceCount: 2, succeededCount: 1, failedCount: 1 });

    const { result: rows, message } = await registry.createQuery(`SELECT * FROM devices.jobs WHERE devices.jobs.jobId = '${id}'`).next();
    assert.equal(message.headers['x-ms-item-type'], 'DeviceJob');
    const [away, there] = rows.sort((a, b) => a.deviceId < b.deviceId ? -1 : 1);
    assert.deepEqual(there.outcome.deviceMethodResponse, { status: 201, payload: { n: 1 } });
    assert.deepEqual([there.status, away.status], ['completed', 'failed']);
    assert.equal(typeof away.error.description, 'string');
  });

  it('a job of later can be cancelled, one that ended cannot', async (t) => {
    await create(t, 'job-later');
    const id = randomUUID();
    const { jobStatus: made } = await jobs.scheduleTwinUpdate(id, "deviceId = 'job-later'", { tags: { late: 1 } }, new Date(Date.now() + 3600e3), 300);
    assert.ok(['enqueued', 'queued', 'scheduled'].includes(made.status), made.status);
    assert.equal(made.endTime, undefined);
    await jobs.cancelJob(id);
    assert.equal((await ended(id)).status, 'cancelled');
    await assert.rejects(jobs.cancelJob(id), { name: 'ArgumentError' });
    assert.equal((await registry.getTwin('job-later')).responseBody.tags?.late, undefined);
  });

  it('jobs are listed by type and status, page by page', async (t) => {
    await create(t, 'job-list');
    const wanted = [];
    for (let n = 0; n < 3; n++) {
      const id = randomUUID();
      await jobs.scheduleTwinUpdate(id, "deviceId = 'job-list'", { tags: { n } }, new Date(), 300);
      await ended(id);
      wanted.push(id);
    }
    const query = jobs.createQuery('scheduleUpdateTwin', 'completed', 2);
    const seen = [];
    while (query.hasMoreResults) {
      const { result } = await query.next(query.continuationToken);
      assert.ok(result.length <= 2);
      seen.push(...result);
    }
    assert.ok(seen.every((job) => job.type === 'scheduleUpdateTwin' && job.status === 'completed'));
    assert.deepEqual(wanted.filter((id) => !seen.some((job) => job.jobId === id)), []);
  });

  it('what cannot be', async (t) => {
    await create(t, 'job-twice');
    const id = randomUUID();
    await jobs.scheduleTwinUpdate(id, "deviceId = 'job-twice'", { tags: { a: 1 } }, new Date(), 300);
    await assert.rejects(jobs.scheduleTwinUpdate(id, "deviceId = 'job-twice'", { tags: { a: 2 } }, new Date(), 300), (err) => err.response.statusCode === 409);
    await assert.rejects(jobs.getJob(randomUUID()), (err) => err.response.statusCode === 404 && /JobNotFound/.test(err.responseBody));
    await assert.rejects(jobs.scheduleTwinUpdate(randomUUID(), 'SELECT * FROM devices', { tags: {} }, new Date(), 300), { name: 'ArgumentError' });
  });
});
