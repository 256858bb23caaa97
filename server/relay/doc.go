// Package relay is what a server and a station's agent say to each other:
//
//	Bundle   what the station works by: places, taxonomy, settings, model   ┐ server → agent
//	Record   an inspection that the agent decided, and later how its prompt  │ agent → server
//	         ended                                                           │
//	Report   how the agent does, and the server's clock in answer            ┘
//
// It only holds the words, signs and checks them; server/agents is the
// server's side of the conversation, server/uplink the station's.
package relay
