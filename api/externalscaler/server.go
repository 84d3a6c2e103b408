package externalscaler

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	pb "github.com/kedacore/keda/v2/pkg/scalers/externalscaler"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
)

const (
	// maxMessage bounds what KEDA may send, in bytes: the metadata of a trigger.
	maxMessage = 64 << 10
	// idle ends connections that nobody uses.
	idle = 15 * time.Minute
	// leastPing is how often a client may ping; KEDA's does not by itself.
	leastPing = 10 * time.Second
)

// Serve serves on the listener until ctx ends, then lets running calls end for at most grace. A nil configuration is no TLS. It
// closes the listener.
func (s *Service) Serve(ctx context.Context, l net.Listener, secure *tls.Config, grace time.Duration) error {
	options := []grpc.ServerOption{
		grpc.MaxRecvMsgSize(maxMessage), grpc.MaxConcurrentStreams(uint32(min(s.deps.MaxStreams, 1<<20)) + 100), //nolint:gosec // it fits
		grpc.ChainUnaryInterceptor(s.unary), grpc.ChainStreamInterceptor(s.stream),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionIdle: idle, Time: time.Minute, Timeout: 20 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: leastPing, PermitWithoutStream: true}),
		grpc.ConnectionTimeout(10 * time.Second),
	}
	if secure != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(secure)))
	}
	server := grpc.NewServer(options...)
	pb.RegisterExternalScalerServer(server, s)
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve the external scaler: %w", err)
	case <-ctx.Done():
	}
	s.Stop()
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		server.GracefulStop()
	}()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-stopped:
	case <-timer.C:
		server.Stop()
		<-stopped
	}
	if err := <-served; err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fmt.Errorf("serve the external scaler: %w", err)
	}
	return nil
}
