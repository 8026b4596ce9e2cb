//go:build tools

// Package composecheck pins docker compose, which is built from here to check docker-compose.yml without an engine.
package composecheck

import _ "github.com/docker/compose/v2/cmd"
