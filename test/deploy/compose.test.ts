import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { variableNames } from '../../src/config/variables.ts';
import { fileText } from './documents.ts';

interface Service {
  readonly image?: string;
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly depends_on?: readonly string[];
}

const { services, volumes } = parse(fileText('deploy/compose.yaml')) as {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
};
const all = Object.entries(services);
const deploy = fileURLToPath(new URL('../../deploy', import.meta.url));

describe('deploy/compose.yaml', () => {
  it('has the gateway and what watches it', () => {
    expect(Object.keys(services)).toEqual(['gateway', 'jaeger', 'prometheus', 'grafana']);
  });

  it.each(all)('%s is built here or has a version', (_, { image, build }) => {
    if (build) expect(existsSync(join(deploy, build.context, build.dockerfile))).toBe(true);
    else expect(image).toMatch(/^[a-z]+\/[a-z]+:v?\d+\.\d+\.\d+$/);
  });

  it.each(all)('%s can be reached from this machine only', (_, { ports = [] }) => {
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:(\d+):\1$/);
  });

  it.each(all)(
    '%s mounts what is there, and waits for what is there',
    (_, { volumes: mounts = [], depends_on = [] }) => {
      for (const mount of mounts) {
        const [from = ''] = mount.split(':');
        expect(from.startsWith('.') ? existsSync(join(deploy, from)) : from in volumes, mount).toBe(true);
      }
      for (const name of depends_on) expect(services).toHaveProperty(name);
    },
  );

  it('sets variables of the gateway that it has, and sends spans to Jaeger', () => {
    const { environment = {} } = services.gateway ?? {};
    expect(Object.keys(environment).filter((name) => !variableNames.includes(name))).toEqual([]);
    expect(environment.OTEL_EXPORTER_OTLP_ENDPOINT).toBe('http://jaeger:4318');
  });
});

it('Prometheus reads the metrics of the gateway', () => {
  const { scrape_configs: jobs } = parse(fileText('deploy/prometheus.yaml'));
  const port = services.gateway?.environment?.ANTIPHON_METRICS_PORT;
  expect(jobs).toEqual([{ job_name: 'antiphon', static_configs: [{ targets: [`gateway:${port}`] }] }]);
});

it('Grafana asks services of the same file', () => {
  const { datasources } = parse(fileText('deploy/grafana/provisioning/datasources/antiphon.yaml'));
  const hosts = datasources.map(({ url }: { url: string }) => new URL(url).hostname);
  expect(hosts).toEqual(['prometheus', 'jaeger']);
  const { providers } = parse(fileText('deploy/grafana/provisioning/dashboards/antiphon.yaml'));
  const mounted = (services.grafana?.volumes ?? []).map((mount) => mount.split(':')[1]);
  expect(mounted).toContain(providers[0].options.path);
});
