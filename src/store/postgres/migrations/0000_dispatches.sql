CREATE TABLE "dispatches" (
	"hostname" text COLLATE "C" NOT NULL,
	"rollout_id" text COLLATE "C" NOT NULL,
	"target_closure" text NOT NULL,
	"soak_due_at" timestamp (6) with time zone NOT NULL,
	"not_before" timestamp (6) with time zone,
	"not_after" timestamp (6) with time zone,
	"max_attempts" integer NOT NULL,
	"enqueued_at" timestamp (6) with time zone NOT NULL,
	"sequence" bigint NOT NULL,
	"state" text NOT NULL,
	"attempt" integer NOT NULL,
	"lease_token" text,
	"lease_ends_at" timestamp (6) with time zone,
	"lease_expires_at" timestamp (6) with time zone,
	"reason" text,
	"changed_at" timestamp (6) with time zone NOT NULL,
	"take_id" bigint,
	CONSTRAINT "dispatches_hostname_rollout_id_pk" PRIMARY KEY("hostname","rollout_id")
);
--> statement-breakpoint
CREATE TABLE "events" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"at" timestamp (6) with time zone NOT NULL,
	"hostname" text COLLATE "C" NOT NULL,
	"rollout_id" text COLLATE "C" NOT NULL,
	"kind" text NOT NULL,
	"attempt" integer NOT NULL,
	"actor" text NOT NULL,
	"address" text NOT NULL,
	"wire" text NOT NULL,
	"detail" text NOT NULL,
	"parked_ms" integer
);
--> statement-breakpoint
CREATE TABLE "hosts" (
	"hostname" text COLLATE "C" PRIMARY KEY NOT NULL,
	"last_seen_at" timestamp (6) with time zone NOT NULL,
	"address" text NOT NULL,
	"wire" text NOT NULL,
	"agent_version" text NOT NULL,
	"certificate_not_after" timestamp (6) with time zone
);
--> statement-breakpoint
CREATE TABLE "parked" (
	"hostname" text COLLATE "C" NOT NULL,
	"server_id" text NOT NULL,
	"polls" integer NOT NULL,
	"since" timestamp (6) with time zone NOT NULL,
	CONSTRAINT "parked_hostname_server_id_pk" PRIMARY KEY("hostname","server_id")
);
--> statement-breakpoint
CREATE TABLE "revocations" (
	"subject" text COLLATE "C" PRIMARY KEY NOT NULL,
	"revoked_before" timestamp (6) with time zone NOT NULL,
	"reason" text NOT NULL,
	"revoked_by" text NOT NULL,
	"revoked_at" timestamp (6) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "servers" (
	"id" text PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"started_at" timestamp (6) with time zone NOT NULL,
	"alive_at" timestamp (6) with time zone NOT NULL
);
--> statement-breakpoint
CREATE INDEX "dispatches_pending" ON "dispatches" USING btree ("hostname","enqueued_at","sequence") WHERE state = 'pending';--> statement-breakpoint
CREATE INDEX "dispatches_leased" ON "dispatches" USING btree ("lease_ends_at") WHERE state = 'leased';--> statement-breakpoint
CREATE INDEX "dispatches_not_before" ON "dispatches" USING btree ("not_before") WHERE state = 'pending' AND not_before IS NOT NULL;--> statement-breakpoint
CREATE INDEX "dispatches_not_after" ON "dispatches" USING btree ("not_after") WHERE state = 'pending' AND not_after IS NOT NULL;--> statement-breakpoint
CREATE INDEX "dispatches_done" ON "dispatches" USING btree ("state","changed_at") WHERE state NOT IN ('pending', 'leased');--> statement-breakpoint
CREATE INDEX "events_host" ON "events" USING btree ("hostname","id");--> statement-breakpoint
CREATE INDEX "parked_server" ON "parked" USING btree ("server_id");