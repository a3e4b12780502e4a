# A NixOS module: imports = [ ./nixfleet-dispatch.nix ];
#
#   services.nixfleet-dispatch = {
#     enable = true;
#     package = nixfleet-dispatch;
#     openFirewall = true;
#     certificate = "/var/lib/acme/dispatch/fullchain.pem";
#     key = "/var/lib/acme/dispatch/key.pem";
#     settings = {
#       listen = "[::]:8443";
#       client-ca = ./fleet-ca.crt;
#       operator-cn = [ "operator-*" ];
#     };
#   };
{ config, lib, pkgs, ... }:
let
  cfg = config.services.nixfleet-dispatch;
  toml = pkgs.formats.toml { };
  credentials = "/run/credentials/nixfleet-dispatch.service";
  settings = {
    strict = true;
    state-dir = "/var/lib/nixfleet-dispatch";
    tls-cert = "${credentials}/server.crt";
    tls-key = "${credentials}/server.key";
  } // lib.mapAttrs (_: value: if builtins.isPath value then "${value}" else value) cfg.settings;
  port = lib.toInt (lib.last (lib.splitString ":" (settings.listen or "127.0.0.1:8443")));
in
{
  options.services.nixfleet-dispatch = {
    enable = lib.mkEnableOption "nixfleet-dispatch, which hands dispatches to the fleet's agents";

    package = lib.mkOption {
      type = lib.types.package;
      description = "The package with bin/nixfleet-dispatch.";
    };

    certificate = lib.mkOption {
      type = lib.types.path;
      description = "The server's certificate (PEM) with its chain. Read by systemd, so that only root need be able to.";
    };

    key = lib.mkOption {
      type = lib.types.path;
      description = "The private key (PEM) of the certificate. Must not be in the Nix store.";
    };

    settings = lib.mkOption {
      type = lib.types.submodule { freeformType = toml.type; };
      default = { };
      description = "The table [serve] of the configuration file: every setting of the server, by its name.";
    };

    openFirewall = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = "Whether agents and operators can reach the port of settings.listen.";
    };
  };

  config = lib.mkIf cfg.enable {
    environment.systemPackages = [ cfg.package ];
    environment.etc."nixfleet-dispatch/config.toml".source = toml.generate "nixfleet-dispatch.toml" { serve = settings; };
    networking.firewall.allowedTCPPorts = lib.mkIf cfg.openFirewall [ port ];

    systemd.services.nixfleet-dispatch = {
      description = "Hands dispatches to the fleet's agents";
      wantedBy = [ "multi-user.target" ];
      wants = [ "network-online.target" ];
      after = [ "network-online.target" ];
      restartTriggers = [ config.environment.etc."nixfleet-dispatch/config.toml".source ];
      serviceConfig = {
        ExecStart = "${cfg.package}/bin/nixfleet-dispatch serve";
        ExecReload = "${pkgs.coreutils}/bin/kill -HUP $MAINPID";
        LoadCredential = [ "server.crt:${cfg.certificate}" "server.key:${cfg.key}" ];
        DynamicUser = true;
        StateDirectory = "nixfleet-dispatch";
        StateDirectoryMode = "0700";
        LimitNOFILE = 65536; # one for each parked poll, and some
        TimeoutStopSec = 20; # a drain takes 15 s at most
        Restart = "on-failure";
        RestartPreventExitStatus = 2; # a wrong setting does not get better

        # Nothing but its own folder, TCP, and no new rights. Node.js compiles to machine code while it runs, so
        # MemoryDenyWriteExecute is not possible.
        AmbientCapabilities = "";
        CapabilityBoundingSet = "";
        LockPersonality = true;
        NoNewPrivileges = true;
        PrivateDevices = true;
        PrivateTmp = true;
        PrivateUsers = true;
        ProtectClock = true;
        ProtectControlGroups = true;
        ProtectHome = true;
        ProtectHostname = true;
        ProtectKernelLogs = true;
        ProtectKernelModules = true;
        ProtectKernelTunables = true;
        ProtectProc = "invisible";
        ProtectSystem = "strict";
        RemoveIPC = true;
        RestrictAddressFamilies = [ "AF_INET" "AF_INET6" "AF_UNIX" ];
        RestrictNamespaces = true;
        RestrictRealtime = true;
        RestrictSUIDSGID = true;
        SystemCallArchitectures = "native";
        SystemCallFilter = [ "@system-service" "~@privileged" ];
        SystemCallErrorNumber = "EPERM";
        UMask = "0077";
      };
    };
  };
}
