DROP INDEX `events_host`;--> statement-breakpoint
ALTER TABLE `events` ADD `prev_id` integer;--> statement-breakpoint
CREATE INDEX `events_note` ON `events` (`prev_id`) WHERE kind = 'flushed';--> statement-breakpoint
ALTER TABLE `dispatches` ADD `last_event_id` integer;--> statement-breakpoint
UPDATE `events` SET `prev_id` = `chain`.`prev_id` FROM (
  SELECT `id`, lag(`id`) OVER (PARTITION BY `hostname`, `rollout_id` ORDER BY `id`) AS `prev_id` FROM `events`
) AS `chain` WHERE `chain`.`id` = `events`.`id` AND `chain`.`prev_id` IS NOT NULL;--> statement-breakpoint
UPDATE `dispatches` SET `last_event_id` = `chain`.`id` FROM (
  SELECT `hostname`, `rollout_id`, max(`id`) AS `id` FROM `events` GROUP BY `hostname`, `rollout_id`
) AS `chain` WHERE `chain`.`hostname` = `dispatches`.`hostname` AND `chain`.`rollout_id` = `dispatches`.`rollout_id`;
