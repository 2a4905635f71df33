"""YouTube: watch page, player, captions, oEmbed, playlists, sound."""
