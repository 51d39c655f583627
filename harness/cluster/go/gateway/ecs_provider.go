// Package ecs takes the place of Traefik's package of this name, which finds the containers of Amazon's ECS.
package ecs

import (
	"errors"

	"github.com/traefik/traefik/v3/pkg/config/dynamic"
	"github.com/traefik/traefik/v3/pkg/safe"
)

// Provider is the place of its settings.
type Provider struct{}

// Init refuses to start.
func (*Provider) Init() error {
	return errors.New("this Traefik was built without the provider of Amazon's ECS")
}

// Provide finds nothing.
func (*Provider) Provide(chan<- dynamic.Message, *safe.Pool) error {
	return nil
}
