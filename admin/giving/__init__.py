"""What the pages of giving, trees and certificates share in the panel: forms and reads."""
