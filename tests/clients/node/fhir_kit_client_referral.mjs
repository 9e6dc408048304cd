// What users of fhir-kit-client do: the calls of its own documentation, against a gateway.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

// The package stands in the target folder, not beside this file.
const module = `${process.env.HANDOFF_NODE_PACKAGES}/node_modules/fhir-kit-client/dist/index.js`;
const { Client, CapabilityTool } = await import(pathToFileURL(module));

const referral = JSON.parse(readFileSync(new URL('../referral.json', import.meta.url), 'utf8'));
const baseUrl = `${process.env.HANDOFF_BASE}/fhir`;
const mrn = 'https://fernhollow-hospital.example/mrn';
const owner = 'Organization/lantern-housing';
const ehr = new Client({ baseUrl, bearerToken: process.env.HANDOFF_EHR_TOKEN });
const agency = new Client({ baseUrl, bearerToken: process.env.HANDOFF_AGENCY_TOKEN });

const patientCalled = (number) => ({ ...referral.patient, identifier: [{ system: mrn, value: number }] });
const to = (resource) => ({ reference: `${resource.resourceType}/${resource.id}` });
const create = (body, options) => ehr.create({ resourceType: body.resourceType, body, options });

/** The OperationOutcome of the refusal that the call meets. */
async function refused(status, call) {
  const error = await call.then(() => assert.fail(`not refused with ${status}`), (refusal) => refusal);
  assert.equal(error.response?.status, status, JSON.stringify(error.response?.data ?? String(error)));
  assert.equal(error.response.data.resourceType, 'OperationOutcome');
  return error.response.data;
}

async function capabilities() {
  const stranger = new Client({ baseUrl });
  const tool = new CapabilityTool(await stranger.capabilityStatement());
  assert.ok(tool.serverCan('transaction') && tool.serverCan('batch'));
  assert.ok(tool.resourceCan('Task', 'update') && !tool.resourceCan('Task', 'delete'));
  assert.ok(tool.resourceSearch('Task', 'owner'));
  await refused(401, stranger.search({ resourceType: 'Task' }));
}

async function sendOneByOne() {
  const patient = await create(patientCalled('FK-1'));
  const consent = await create({ ...referral.consent, patient: to(patient) });
  const request = await create({ ...referral.serviceRequest, subject: to(patient), supportingInfo: [to(consent)] });
  const task = await create({ ...referral.task, for: to(patient), focus: to(request) });
  const { response } = Client.httpFor(task);
  assert.equal(response.status, 201);
  assert.equal(response.headers.get('location'), `${baseUrl}/Task/${task.id}/_history/${task.meta.versionId}`);
  return { patient, request, task };
}

async function conditionalCreate() {
  const options = { headers: { 'If-None-Exist': `identifier=${mrn}|FK-2` } };
  const first = await create(patientCalled('FK-2'), options);
  const second = await create(patientCalled('FK-2'), options);
  assert.equal(first.id, second.id);
  assert.equal(Client.httpFor(second).response.status, 200);
  const minimal = await create(patientCalled('FK-3'), { headers: { Prefer: 'return=minimal' } });
  assert.deepEqual(minimal, {});
}

async function transaction() {
  const names = ['Patient', 'Consent', 'ServiceRequest', 'Task'].map((kind, at) => [kind, `urn:uuid:00000000-0000-4000-8000-00000000001${at}`]);
  const [patient, consent, request] = names.map(([, reference]) => ({ reference }));
  const resources = [
    patientCalled('FK-4'),
    { ...referral.consent, patient },
    { ...referral.serviceRequest, subject: patient, supportingInfo: [consent] },
    { ...referral.task, for: patient, focus: request },
  ];
  const entry = resources.map((resource, at) => {
    const system = at === 0 ? mrn : `${mrn}/${names[at][0]}`;
    const ifNoneExist = `identifier=${system}|FK-4`;
    const named = { ...resource, identifier: [{ system, value: 'FK-4' }] };
    return { fullUrl: names[at][1], resource: named, request: { method: 'POST', url: names[at][0], ifNoneExist } };
  });
  const body = { resourceType: 'Bundle', type: 'transaction', entry };
  const first = await ehr.transaction({ body });
  const second = await ehr.transaction({ body });
  assert.ok(first.entry.every(({ response }) => response.status.startsWith('201')), JSON.stringify(first));
  assert.deepEqual(first.entry.map(({ response }) => response.location), second.entry.map(({ response }) => response.location));
  const gets = ['Patient?family=Pondweed&_count=1', 'Task/nobody'].map((url) => ({ request: { method: 'GET', url } }));
  const batch = await ehr.batch({ body: { resourceType: 'Bundle', type: 'batch', entry: gets } });
  assert.deepEqual(batch.entry.map(({ response }) => response.status.slice(0, 3)), ['200', '404']);
}

async function search({ patient, request, task }) {
  const ids = (bundle) => (bundle.entry ?? []).map((entry) => entry.resource.id).sort();
  const searchParams = { patient: `Patient/${patient.id}`, status: 'requested,received', _include: ['Task:focus', 'Task:patient'] };
  for (const options of [{}, { postSearch: true }]) {
    const bundle = await ehr.search({ resourceType: 'Task', searchParams, options });
    assert.deepEqual(ids(bundle), [patient.id, request.id, task.id].sort());
    const focus = await ehr.resolve({ reference: task.focus.reference, context: bundle });
    assert.equal(focus.id, request.id);
  }
  const back = await ehr.search({ resourceType: 'ServiceRequest', searchParams: { _id: request.id, _revinclude: 'Task:focus' } });
  assert.deepEqual(ids(back), [request.id, task.id].sort());
  const all = await ehr.search({ resourceType: 'Task', options: { postSearch: true } });
  assert.ok(ids(all).includes(task.id));
  const resolved = await ehr.resolve({ reference: task.for.reference });
  assert.equal(resolved.id, patient.id);
  assert.equal((await ehr.resolve({ reference: `${baseUrl}/Patient/${patient.id}` })).id, patient.id);
}

async function paging() {
  for (let number = 0; number < 5; number += 1) await create(patientCalled(`FK-PAGE-${number}`));
  const identifier = [0, 1, 2, 3, 4].map((number) => `${mrn}|FK-PAGE-${number}`).join(',');
  for (const options of [{}, { postSearch: true }]) {
    const found = new Set();
    let pages = 0;
    let bundle = await ehr.search({ resourceType: 'Patient', searchParams: { identifier, _count: 2 }, options });
    while (bundle) {
      bundle.entry.forEach((entry) => found.add(entry.resource.id));
      pages += 1;
      bundle = await ehr.nextPage({ bundle });
    }
    assert.deepEqual([pages, found.size], [3, 5]);
  }
}

async function readAndUpdate({ patient }) {
  const read = await ehr.read({ resourceType: 'Patient', id: patient.id });
  const body = { ...read, telecom: [{ ...read.telecom[0], value: '555-0177' }] };
  const changed = await ehr.update({ resourceType: 'Patient', id: patient.id, body });
  assert.equal(changed.meta.versionId, '2');
  const old = await ehr.vread({ resourceType: 'Patient', id: patient.id, version: '1' });
  assert.deepEqual(old.telecom, patient.telecom);
  const history = await ehr.history({ resourceType: 'Patient', id: patient.id });
  assert.equal(history.total, 2);
  const outcome = await ehr.operation({ name: 'validate', resourceType: 'Patient', input: { ...body, gender: 'fmale' } });
  assert.ok(outcome.issue.some((issue) => issue.expression?.includes('Patient.gender')));
}

async function follow({ task }) {
  const behind = await ehr.read({ resourceType: 'Task', id: task.id });
  const mine = await agency.search({ resourceType: 'Task', searchParams: { owner, _id: task.id } });
  let theirs = mine.entry[0].resource;
  for (const status of ['accepted', 'in-progress']) {
    theirs = await agency.update({ resourceType: 'Task', id: task.id, body: { ...theirs, status } });
    assert.equal(theirs.status, status);
  }
  await refused(412, ehr.update({ resourceType: 'Task', id: task.id, body: { ...behind, status: 'cancelled' } }));
  const options = { headers: { 'If-Match': `W/"${behind.meta.versionId}"` } };
  await refused(412, ehr.update({ resourceType: 'Task', id: task.id, body: { ...behind, status: 'cancelled' }, options }));
  const news = await ehr.search({ resourceType: 'Task', searchParams: { _id: task.id, _lastUpdated: `gt${behind.meta.lastUpdated}` } });
  assert.equal(news.entry[0].resource.status, 'in-progress');
  const body = { ...referral.procedure, subject: theirs.for, basedOn: [theirs.focus] };
  const procedure = await agency.create({ resourceType: 'Procedure', body });
  const output = [{ type: referral.resultingActivity, valueReference: to(procedure) }];
  await agency.update({ resourceType: 'Task', id: task.id, body: { ...theirs, status: 'completed', output } });
  const done = await ehr.read({ resourceType: 'Task', id: task.id });
  assert.equal(done.status, 'completed');
  const result = await ehr.resolve({ reference: done.output[0].valueReference.reference });
  assert.equal(result.code.text, referral.procedure.code.text);
}

async function outcomes({ patient }) {
  const wrong = await refused(422, create({ ...patientCalled('FK-9'), gender: 'fmale' }));
  assert.deepEqual(wrong.issue[0].expression, ['Patient.gender']);
  await refused(400, ehr.search({ resourceType: 'Patient', searchParams: { famly: 'x' } }));
  await refused(404, ehr.read({ resourceType: 'Patient', id: 'nobody' }));
  const id = patient.id;
  await refused(405, ehr.delete({ resourceType: 'Patient', id }));
  const jsonPatch = [{ op: 'replace', path: '/active', value: false }];
  await refused(405, ehr.patch({ resourceType: 'Patient', id, jsonPatch }));
  await refused(405, ehr.update({ resourceType: 'Patient', searchParams: { identifier: 'x' }, body: patient }));
  await refused(404, ehr.history({ resourceType: 'Patient' }));
}

await capabilities();
const sent = await sendOneByOne();
await conditionalCreate();
await transaction();
await search(sent);
await paging();
await readAndUpdate(sent);
await follow(sent);
await outcomes(sent);
