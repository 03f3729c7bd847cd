package pin

// ConfirmAtOnce is what a test counts against.
const ConfirmAtOnce = confirmAtOnce
