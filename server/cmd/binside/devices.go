package main

import (
	"context"
	"net"
	"net/netip"
	"path/filepath"

	"github.com/binside/binside/server/api"
	"github.com/binside/binside/server/mqtt"
)

// mqttListen is where MQTT devices connect, empty where none may.
func (s *service) mqttListen() string {
	if s.cfg.MQTT.Listen == "" && s.cfg.Demo.Enabled {
		return "127.0.0.1:0"
	}
	return s.cfg.MQTT.Listen
}

// startMQTT comes after the API, whose answers it carries.
func (s *service) startMQTT(ctx context.Context) error {
	c := s.cfg.MQTT
	c.Listen = s.mqttListen()
	if c.Listen == "" {
		return nil
	}
	devices, err := mqtt.New(mqtt.Config{
		Listen: c.Listen, TLSCert: c.TLSCert, TLSKey: c.TLSKey, MaxClients: c.MaxClients,
		Dir: filepath.Join(s.cfg.DataDir, "mqtt"), NoSync: !s.cfg.Queue.Sync, MaxPicture: int(s.cfg.Decoder.MaxBytes),
	}, mqtt.Deps{
		Auth: s.auth, BinSide: s.api, Store: s.store, Cameras: s.allCameras(), Hub: s.hub, Changes: s.changes,
		Registerer: s.registry, Logger: s.log,
	})
	if err != nil {
		return err
	}
	if err := devices.Start(ctx); err != nil {
		return err
	}
	s.mqtt = devices
	s.mqttUp.Store(true)
	s.onClose("MQTT", func(ctx context.Context) error { devices.Close(ctx); return nil })
	s.log.Info("listening for MQTT devices", "address", devices.Addr())
	if host, _, err := net.SplitHostPort(devices.Addr()); err == nil && c.TLSCert == "" && !net.ParseIP(host).IsLoopback() {
		s.log.Warn("MQTT devices send their tokens in plain text: set mqtt.tls_cert and mqtt.tls_key", "address", devices.Addr())
	}
	return nil
}

// mqttReadiness says whether MQTT devices can connect and are told.
func (s *service) mqttReadiness(ctx context.Context) api.Readiness {
	if !s.mqttUp.Load() {
		return api.Readiness{Status: api.Degraded, Detail: "the MQTT listener has not started"}
	}
	if err := s.mqtt.Check(ctx); err != nil {
		return api.Readiness{Status: api.Degraded, Detail: err.Error()}
	}
	return api.Readiness{Status: api.Ready}
}

// mqttStanding says how the listener for MQTT devices stands; nil until it has
// started.
func (s *service) mqttStanding() *api.MQTT {
	if !s.mqttUp.Load() {
		return nil
	}
	at, err := netip.ParseAddrPort(s.mqtt.Addr())
	if err != nil {
		return nil
	}
	return &api.MQTT{Port: int(at.Port()), TLS: s.cfg.MQTT.TLSCert != "", Loopback: at.Addr().IsLoopback(), Devices: s.mqtt.Devices()}
}
