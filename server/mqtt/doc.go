// Package mqtt is the bin side for devices that speak MQTT 3.1.1: loudspeakers,
// lights, locks and displays are told what the screen is told, and cameras push
// frames and deposits. README.md lists the topics and shows the payloads, schema/
// holds their JSON Schemas.
//
// It embeds a NATS server of its own with nothing but the MQTT listener, apart
// from the queue's server: what a device may reach and what it may fill is
// another process-internal server, with other files, and the queue's subjects and
// streams do not exist there. That holds as well where the queue is an external
// cluster.
//
// A device shows an access token as its password and has the rights that the
// token's scopes have over HTTP, by the same table (auth.Principal.Can). This
// package decides nothing about deposits and prompts: it carries.
package mqtt
