"""A scripted language model behind an OpenAI-compatible endpoint: same question, same answer, always."""
