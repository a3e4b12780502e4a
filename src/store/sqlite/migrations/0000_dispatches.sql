CREATE TABLE `dispatches` (
	`hostname` text NOT NULL,
	`rollout_id` text NOT NULL,
	`target_closure` text NOT NULL,
	`soak_due_at` integer NOT NULL,
	`not_before` integer,
	`not_after` integer,
	`max_attempts` integer NOT NULL,
	`enqueued_at` integer NOT NULL,
	`sequence` integer NOT NULL,
	`state` text NOT NULL,
	`attempt` integer NOT NULL,
	`lease_token` text,
	`lease_ends_at` integer,
	`lease_expires_at` integer,
	`reason` text,
	`changed_at` integer NOT NULL,
	PRIMARY KEY(`hostname`, `rollout_id`)
);
--> statement-breakpoint
CREATE INDEX `dispatches_pending` ON `dispatches` (`hostname`,`enqueued_at`,`sequence`) WHERE state = 'pending';--> statement-breakpoint
CREATE INDEX `dispatches_leased` ON `dispatches` (`lease_ends_at`) WHERE state = 'leased';--> statement-breakpoint
CREATE INDEX `dispatches_not_before` ON `dispatches` (`not_before`) WHERE state = 'pending' AND not_before IS NOT NULL;--> statement-breakpoint
CREATE INDEX `dispatches_not_after` ON `dispatches` (`not_after`) WHERE state = 'pending' AND not_after IS NOT NULL;--> statement-breakpoint
CREATE INDEX `dispatches_done` ON `dispatches` (`state`,`changed_at`) WHERE state NOT IN ('pending', 'leased');--> statement-breakpoint
CREATE TABLE `events` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`at` integer NOT NULL,
	`hostname` text NOT NULL,
	`rollout_id` text NOT NULL,
	`kind` text NOT NULL,
	`attempt` integer NOT NULL,
	`actor` text NOT NULL,
	`address` text NOT NULL,
	`wire` text NOT NULL,
	`detail` text NOT NULL,
	`parked_ms` integer
);
--> statement-breakpoint
CREATE INDEX `events_host` ON `events` (`hostname`,`id`);--> statement-breakpoint
CREATE TABLE `hosts` (
	`hostname` text PRIMARY KEY NOT NULL,
	`last_seen_at` integer NOT NULL,
	`address` text NOT NULL,
	`wire` text NOT NULL,
	`agent_version` text NOT NULL,
	`certificate_not_after` integer
);
--> statement-breakpoint
CREATE INDEX `hosts_last_seen` ON `hosts` (`last_seen_at`);--> statement-breakpoint
CREATE TABLE `revocations` (
	`subject` text PRIMARY KEY NOT NULL,
	`revoked_before` integer NOT NULL,
	`reason` text NOT NULL,
	`revoked_by` text NOT NULL,
	`revoked_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `steady_clock` (
	`id` integer PRIMARY KEY NOT NULL,
	`boot_id` text NOT NULL,
	`offset_micros` integer NOT NULL,
	`last_steady` integer NOT NULL
);
