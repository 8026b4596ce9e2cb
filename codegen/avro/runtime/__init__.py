"""The modules that stand beside generated Avro classes, as they are; so they import each other relatively."""
