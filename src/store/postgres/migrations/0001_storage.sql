-- By hand: what the schema's language has no words for.

-- The numbers of enqueues, of all servers.
CREATE SEQUENCE "enqueue_numbers";--> statement-breakpoint

-- Rows change often and in place: room on their pages keeps the new versions beside the old ones, and out of indexes that
-- did not change. Dead versions are cleaned up after thousands of changes and not after a share of a table that keeps a
-- month of what is done.
ALTER TABLE "dispatches" SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_analyze_scale_factor = 0.02);--> statement-breakpoint
ALTER TABLE "hosts" SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);--> statement-breakpoint
ALTER TABLE "servers" SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);--> statement-breakpoint

-- What is known of the present only need not survive a crash of the database: every server writes its part again.
ALTER TABLE "parked" SET UNLOGGED;
