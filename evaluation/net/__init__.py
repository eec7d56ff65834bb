"""What comes over the network: resumable downloads and the archives they bring."""
