import type { KeyRecord, KeySource } from './access/key-record.ts';
import { StoreKeys } from './access/store-keys.ts';
import { storedKeys } from './access/stored-key.ts';
import type { AuditLog } from './audit/audit-log.ts';
import { modelPatternRule } from './config/fields.ts';
import { callerNameRule } from './config/schema-access.ts';
import type { Clock } from './core/clock.ts';
import type { Redact } from './core/redact.ts';
import { auditAdmin } from './services/admin/audit.ts';
import { keysAdmin } from './services/admin/keys.ts';
import { settingsAdmin } from './services/admin/settings.ts';
import type { AdminParts } from './services/admin.ts';
import { LiveSettings, type LiveSettingsParts } from './settings/live-settings.ts';
import { storedSettings } from './settings/stored-settings.ts';
import { StoredDocument } from './stores/document.ts';
import type { Values } from './stores/store.ts';

export interface ChangeableParts extends Omit<LiveSettingsParts, 'document'> {
  readonly values: Values;
  readonly audit: AuditLog;
  readonly clock: Clock;
  readonly redact: Redact;
}

/** What is changed while the gateway runs, and kept in the store. */
export interface Changeable {
  /** Keys besides those of the configuration. */
  readonly keys: KeySource;
  /** Every key there is, those of the configuration too. */
  readonly allKeys: () => readonly KeyRecord[];
  readonly settings: Pick<LiveSettings, 'read'>;
  readonly admin: Pick<AdminParts, 'settings' | 'keys' | 'audit' | 'notes'>;
  /** Reads what the store has, puts it into effect, and follows it from then on. Never rejects. */
  begin(): Promise<void>;
  close(): void;
}

export function changeable(parts: ChangeableParts): Changeable {
  const { values, audit, clock, redact, inEffect } = parts;
  const keyList = new StoredDocument({ values, clock, name: 'keys', empty: [], parse: storedKeys });
  const keys = new StoreKeys({ document: keyList, clock, configured: () => inEffect().access });
  const document = new StoredDocument({ values, clock, name: 'settings', empty: {}, parse: storedSettings });
  const settings = new LiveSettings({ ...parts, document });
  return {
    keys,
    allKeys: () => keys.list().map(({ record }) => record),
    settings,
    admin: {
      settings: settingsAdmin({ settings, redact }),
      keys: keysAdmin({
        keys,
        isTeam: (name) => inEffect().access.teams.has(name),
        isName: (text) => callerNameRule.pattern.test(text),
        isPattern: (text) => modelPatternRule.pattern.test(text),
        clock,
      }),
      audit: auditAdmin({ page: (page) => audit.page(page) }),
      notes: audit,
    },
    async begin() {
      // A store that is away is looked for every 2 seconds.
      await keyList.refresh().catch(() => undefined);
      keyList.watch(() => undefined);
      await settings.begin();
    },
    close() {
      keyList.close();
      settings.close();
    },
  };
}
