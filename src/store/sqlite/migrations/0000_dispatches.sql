CREATE TABLE `dispatches` (
	`hostname` text NOT NULL,
	`rollout_id` text NOT NULL,
	`target_closure` text NOT NULL,
	`soak_due_at` integer NOT NULL,
	`enqueued_at` integer NOT NULL,
	`sequence` integer NOT NULL,
	`state` text NOT NULL,
	`attempt` integer NOT NULL,
	PRIMARY KEY(`hostname`, `rollout_id`)
);
--> statement-breakpoint
CREATE INDEX `dispatches_pending` ON `dispatches` (`hostname`,`enqueued_at`,`sequence`) WHERE state = 'pending';