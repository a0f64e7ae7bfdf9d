// k6: RunTail at a constant rate of arrivals, whatever becomes of the calls before; or by a few clients one after the other.
// k6 knows the service by reflection, not by our stubs.
import grpc from 'k6/net/grpc';
import encoding from 'k6/encoding';
import { Counter, Trend } from 'k6/metrics';

const client = new grpc.Client();
const answered = new Counter('answered');
const shed = new Counter('shed');
const hinted = new Counter('hinted');
const other = new Counter('other');
const answer_ms = new Trend('answer_ms', true);

const rate = Number(__ENV.RATE);
const seconds = Number(__ENV.SECONDS);
const scenario = rate
  ? { executor: 'constant-arrival-rate', rate, timeUnit: '1s', duration: `${seconds}s`, preAllocatedVUs: 50, maxVUs: 200 }
  : { executor: 'constant-vus', vus: 4, duration: `${seconds}s` };
export const options = { scenarios: { load: { ...scenario, gracefulStop: '10s' } } };

const request = JSON.parse(open(__ENV.REQUEST));

let connected = false;
export default function () {
  if (!connected) {
    client.connect(__ENV.ADDRESS, { plaintext: true, reflect: true });
    connected = true;
  }
  const began = Date.now();
  const response = client.invoke('dads.v1.SplitInference/RunTail', request, { timeout: '10s' });
  if (response.status === grpc.StatusOK) {
    answered.add(1);
    answer_ms.add(Date.now() - began);
  } else if (response.status === grpc.StatusResourceExhausted) {
    shed.add(1);
    // google.rpc.RetryInfo travels in the status's details.
    if (JSON.stringify(response.error).includes('RetryInfo')) hinted.add(1);
    if (__ENV.SHOW) console.log(JSON.stringify(response.error), JSON.stringify(response.trailers));
  } else {
    other.add(1);
    if (__ENV.SHOW) console.log(JSON.stringify(response));
  }
}

export function handleSummary(data) {
  const count = (name) => (data.metrics[name] ? data.metrics[name].values.count : 0);
  const times = data.metrics.answer_ms ? data.metrics.answer_ms.values : {};
  return { stdout: JSON.stringify({
    answered: count('answered'), shed: count('shed'), hinted: count('hinted'), other: count('other'),
    sent: count('answered') + count('shed') + count('other'), unsent: count('dropped_iterations'),
    p50_ms: times.med, p95_ms: times['p(95)'],
  }) + '\n' };
}
