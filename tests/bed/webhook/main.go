// Command webhook serves the mutating webhook of azure-workload-identity, its own handler unchanged, on a port of the
// caller's choice. The released program listens on 9443 only, so that two test beds could not run beside each other.
package main

import (
	"flag"
	"log/slog"
	"os"

	wh "github.com/Azure/azure-workload-identity/pkg/webhook"
	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
)

func main() {
	if err := run(); err != nil {
		slog.Error("the webhook ends", "error", err)
		os.Exit(1)
	}
}

func run() error {
	host := flag.String("host", "127.0.0.1", "address to listen on")
	port := flag.Int("port", 9443, "port to listen on")
	certificates := flag.String("webhook-cert-dir", "/certs", "folder with tls.crt and tls.key")
	flag.Parse()
	log.SetLogger(logr.FromSlogHandler(slog.Default().Handler()))
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		return err
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return err
	}
	server := webhook.NewServer(webhook.Options{Host: *host, Port: *port, CertDir: *certificates})
	manager, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:        scheme,
		Metrics:       metricsserver.Options{BindAddress: "0"},
		WebhookServer: server,
	})
	if err != nil {
		return err
	}
	mutator, err := wh.NewPodMutator(manager.GetClient(), manager.GetAPIReader(), "", scheme, config, "", "")
	if err != nil {
		return err
	}
	manager.GetWebhookServer().Register("/mutate-v1-pod", &webhook.Admission{Handler: mutator})
	return manager.Start(ctrl.SetupSignalHandler())
}
