-- On whose words a value of a run or a session rests: JSON, lookup keys. Events say it in their bodies.
alter table ephemeral add column parties text collate "C" not null default '[]';
